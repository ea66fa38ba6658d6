// amqplib over TLS: node tls.js URL. Prints a line as tools/run-tests reads it.
'use strict';

const assert = require('assert');
const amqp = require('amqplib');
const NAME = 'confirmed_messages_come_back_over_tls';

async function main(url) {
  const connection = await amqp.connect(url);
  const channel = await connection.createConfirmChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const bodies = [0, 1, 16384, 300000, ...Array(200).fill(100)].map((n, i) => Buffer.alloc(n, i));
  const came = new Promise((resolve) => {
    const got = [];
    channel.consume(queue, (message) => {
      channel.ack(message);
      if (got.push(message.content) === bodies.length)
        resolve(got);
    });
  });
  for (const body of bodies)
    channel.sendToQueue(queue, body);
  await channel.waitForConfirms();
  assert.deepStrictEqual(await came, bodies);
  await connection.close();
}

AbortSignal.timeout(60000).addEventListener('abort', () => {
  console.log(`not ok ${NAME} it waits`);
  process.exit(0);
});
main(process.argv[2]).then(() => console.log(`ok ${NAME}`), (error) =>
  console.log(`not ok ${NAME} ${String(error).replace(/\s+/g, ' ').slice(0, 200)}`));
