/* @stomp/stompjs: node client.js URL, also tcp://host:port. Prints `ok NAME` or `not ok NAME WHY` for each test. */
'use strict';

const assert = require('assert');
const { WebSocket } = require('ws');
const { Client, Versions } = require('@stomp/stompjs');
const { TCPWrapper } = require('@stomp/tcp-wrapper');

Object.assign(global, { WebSocket });
const URL_OF = new URL(process.argv[2]);
const WHERE = URL_OF.protocol === 'tcp:'
	? { webSocketFactory: () => new TCPWrapper(URL_OF.hostname, Number(URL_OF.port)) }
	: { brokerURL: URL_OF.href };

/* A client that is connected, with promises in place of callbacks. */
async function connect(options = {}) {
	const client = new Client(Object.assign({
		reconnectDelay: 0,
		connectHeaders: { login: 'guest', passcode: 'guest', host: '/' },
		heartbeatIncoming: 0, heartbeatOutgoing: 0,
	}, WHERE, options));
	await new Promise((resolve, reject) => {
		client.onConnect = resolve;
		client.onStompError = (frame) => reject(new Error(frame.headers.message));
		client.onWebSocketError = reject;
		client.activate();
	});
	return client;
}

/* Subscribes; gives a function that waits for the next message. */
async function subscribe(client, destination, headers = {}) {
	const came = [], waiting = [];
	const receipt = `subscribed-${destination}`;
	const done = new Promise((resolve) => client.watchForReceipt(receipt, resolve));
	const subscription = client.subscribe(destination, (message) => {
		const next = waiting.shift();
		if (next)
			next(message);
		else
			came.push(message);
	}, Object.assign({ receipt }, headers));
	await done;
	return { subscription, next: () => came.length ? Promise.resolve(came.shift())
						       : new Promise((r) => waiting.push(r)) };
}

async function every_version_works() {
	for (const v of [Versions.V1_0, Versions.V1_1, Versions.V1_2]) {
		const client = await connect({ stompVersions: new Versions([v]) });
		assert.strictEqual(client.connectedVersion, v);
		const { next } = await subscribe(client, '/queue/js', { ack: 'client' });
		client.publish({ destination: '/queue/js', body: 'grüße\n',
				 headers: { a: 'b', persistent: 'true' } });
		const message = await next();
		assert.strictEqual(message.body, 'grüße\n');
		assert.strictEqual(message.headers.a, 'b');
		message.ack();
		await client.deactivate();
	}
	const client = await connect();
	const { next } = await subscribe(client, '/queue/js');
	client.publish({ destination: '/queue/js', body: 'last' });
	assert.strictEqual((await next()).body, 'last');
	await client.deactivate();
}

async function headers_may_hold_colons_and_line_ends() {
	const client = await connect();
	const { next } = await subscribe(client, '/topic/js.*');
	client.publish({ destination: '/topic/js.x', headers: { k: 'a:b\nc\\d' } });
	const message = await next();
	assert.strictEqual(message.headers.k, 'a:b\nc\\d');
	assert.strictEqual(message.headers.destination, '/topic/js.x');
	await client.deactivate();
}

async function bodies_may_be_binary() {
	const client = await connect();
	const { next } = await subscribe(client, '/queue/js-binary');
	const binaryBody = new Uint8Array(200000).map((_, i) => i);
	client.publish({ destination: '/queue/js-binary', binaryBody });
	assert.deepStrictEqual(Buffer.from((await next()).binaryBody), Buffer.from(binaryBody));
	await client.deactivate();
}

async function a_transaction_is_done_or_not() {
	const client = await connect();
	const { next } = await subscribe(client, '/queue/js-tx');
	const lost = client.begin(), kept = client.begin();
	client.publish({ destination: '/queue/js-tx', body: 'lost',
			 headers: { transaction: lost.id } });
	client.publish({ destination: '/queue/js-tx', body: 'kept',
			 headers: { transaction: kept.id } });
	lost.abort();
	kept.commit();
	assert.strictEqual((await next()).body, 'kept');
	await client.deactivate();
}

async function a_nack_gives_back() {
	const client = await connect();
	const { next } = await subscribe(client, '/queue/js-nack',
					 { ack: 'client-individual', 'prefetch-count': '1' });
	client.publish({ destination: '/queue/js-nack', body: 'x' });
	(await next()).nack();
	const again = await next();
	assert.strictEqual(again.headers.redelivered, 'true');
	again.ack();
	await client.deactivate();
}

async function heart_beats_keep_it() {
	const wanted = { '<<< PONG': 3, '>>> PING': 2 };
	let isClosed = false, client;
	await new Promise((resolve, reject) => connect({
		heartbeatIncoming: 1000, heartbeatOutgoing: 1000,
		onWebSocketClose: () => { isClosed = true; reject(new Error('closed')); },
		debug: (line) => {
			wanted[line]--;
			if (wanted['<<< PONG'] <= 0 && wanted['>>> PING'] <= 0)
				resolve();
		},
	}).then((one) => { client = one; }, reject));
	assert.ok(!isClosed);
	await client.deactivate();
}

async function a_wrong_password_is_told() {
	await assert.rejects(connect({ connectHeaders: { login: 'guest', passcode: 'no', host: '/' } }),
			     /Bad CONNECT/);
}

(async () => {
	for (const test of [every_version_works, headers_may_hold_colons_and_line_ends,
			    bodies_may_be_binary, a_transaction_is_done_or_not, a_nack_gives_back,
			    heart_beats_keep_it, a_wrong_password_is_told]) {
		try {
			await test();
			console.log('ok', URL_OF.protocol + test.name);
		} catch (error) {
			console.log('not ok', URL_OF.protocol + test.name, String(error).replace(/\s+/g, ' '));
		}
	}
	process.exit(0);
})();
