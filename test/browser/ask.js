// What a page does that asks over MQTT 5 and waits for the answer. In node it is required; in a
// page it is a script behind mqtt.js, and `ask` is there.
'use strict'

// Gives the answer: { text, topic, number }. Who answers is elsewhere, and speaks what he likes.
async function ask(mqtt, url, text) {
  const me = `asker-${Math.random().toString(16).slice(2)}`
  const client = await mqtt.connectAsync(url, { clientId: me, protocolVersion: 5,
    connectTimeout: 30000, reconnectPeriod: 0 })
  await client.subscribeAsync(`answers/${me}`, { qos: 1 })
  const answer = new Promise((resolve) => client.on('message', (topic, payload, packet) =>
    resolve({ text: new TextDecoder().decode(payload), topic: topic.replace(me, 'me'),
      number: packet.properties.userProperties.number })))
  await client.publishAsync('questions/of/pages', text, { qos: 1, properties: {
    responseTopic: `answers/${me}`, contentType: 'text/plain', userProperties: { number: '7' } } })
  const got = await answer
  await client.endAsync()
  return got
}

if (typeof module !== 'undefined') module.exports = ask
