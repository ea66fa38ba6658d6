/* amqplib over the package ws: node client.js URL [CA]. Prints "good", or fails. */
'use strict';

const assert = require('assert');
const fs = require('fs');
const { once } = require('events');
const WebSocket = require('ws');
const { Connection } = require('amqplib/lib/connection');
const { ChannelModel } = require('amqplib/lib/channel_model');

const SIZES = [0, 1, 125, 126, 65535, 65536, 300000];

async function connect(url, ca) {
	const socket = new WebSocket(url, ['amqp'], { ca, origin: 'http://localhost:8080' });
	await once(socket, 'open');
	assert.strictEqual(socket.protocol, 'amqp');
	const pong = once(socket, 'pong');
	socket.ping('there?');
	assert.strictEqual((await pong)[0].toString(), 'there?');
	const connection = new Connection(WebSocket.createWebSocketStream(socket));
	await new Promise((resolve, reject) => connection.open({
		clientProperties: {}, mechanism: 'PLAIN', locale: 'en_US', channelMax: 0,
		frameMax: 0, heartbeat: 10, virtualHost: '/',
		response: Buffer.from('\0guest\0guest'),
	}, (error) => error ? reject(error) : resolve()));
	return [socket, new ChannelModel(connection)];
}

async function main(url, ca) {
	const [socket, model] = await connect(url, ca && fs.readFileSync(ca));
	const channel = await model.createConfirmChannel();
	const { queue } = await channel.assertQueue('', { exclusive: true });
	const bodies = SIZES.map((n, i) => Buffer.alloc(n, 65 + i));
	const came = new Promise((resolve) => {
		let n = 0;
		channel.consume(queue, (message) => {
			assert.ok(message.content.equals(bodies[n]), `body ${n}`);
			channel.ack(message);
			if (++n === bodies.length)
				resolve();
		});
	});
	for (const body of bodies)
		channel.sendToQueue(queue, body);
	await channel.waitForConfirms();
	await came;
	const closed = once(socket, 'close');
	await model.close();
	assert.strictEqual((await closed)[0], 1000);
	console.log('good');
}

main(...process.argv.slice(2)).catch((error) => {
	console.error(error);
	process.exit(1);
});
