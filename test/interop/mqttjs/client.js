// mqtt.js against a broker: node client.js URL. Prints lines as tools/run-tests reads them.
'use strict'
const mqtt = require('mqtt')
const WebSocket = require('ws')
const url = process.argv[2]
const where = url.split(':')[0]
const PACKING = where === 'ws' ? { perMessageDeflate: { threshold: 0 } } : {} // all, or the long

let socket // of the last client through WebSocket

function note(where, protocols, options) {
  socket = new WebSocket(where, protocols, options.wsOptions)
  return socket
}

function wishes(name, version, words) {
  return { clientId: name, protocolVersion: version, connectTimeout: 20000, reconnectPeriod: 0,
    protocolId: version === 3 ? 'MQIsdp' : 'MQTT', wsOptions: PACKING, createWebsocket: note, ...words }
}

function open(name, version, words) {
  return mqtt.connectAsync(url, wishes(name, version, words))
}

// The next n messages of a client.
function take(client, n) {
  return new Promise((resolve) => {
    const got = []
    client.on('message', (topic, payload, packet) => {
      got.push({ topic, text: payload.toString(), packet })
      if (got.length === n) resolve(got)
    })
  })
}

// Fails when it is over; what was lost is not waited for.
function patience() {
  return new Promise((_, fail) => AbortSignal.timeout(30000)
    .addEventListener('abort', () => fail(new Error('timed out'))))
}

function must(is, what) {
  if (!is) throw new Error(what)
}

async function publishes_and_subscribes(version) {
  const a = await open('a', version)
  const b = await open('b', version)
  for (const qos of [0, 1, 2]) {
    const topic = `js/${version}/${qos}`
    await a.subscribeAsync(`js/${version}/+`, { qos })
    const coming = take(a, 100)
    for (let i = 0; i < 100; i++) await b.publishAsync(topic, `${i}`, { qos })
    const got = await coming
    must(got.every((m, i) => m.text === `${i}` && m.topic === topic && m.packet.qos === qos),
      `qos ${qos}: ${got.length}`)
    a.removeAllListeners('message')
  }
  await a.endAsync()
  await b.endAsync()
}

async function keeps_a_session(version) {
  const words = version === 5
    ? { clean: false, properties: { sessionExpiryInterval: 100 } } : { clean: false }
  let a = await open(`js-kept-${version}`, version, words)
  await a.subscribeAsync('js/kept', { qos: 2 })
  await a.endAsync()
  const b = await open('b', version)
  for (let i = 0; i < 20; i++) await b.publishAsync('js/kept', `${i}`, { qos: 2 })
  a = mqtt.connect(url, wishes(`js-kept-${version}`, version, words))
  const got = await take(a, 20)
  must(got.every((m, i) => m.text === `${i}`), 'the order')
  await a.unsubscribeAsync('js/kept')
  await a.endAsync()
  await b.endAsync()
  await (await open(`js-kept-${version}`, version)).endAsync()
}

async function passes_properties() {
  const a = await open('a', 5)
  await a.subscribeAsync('js/props', { qos: 1, properties: { subscriptionIdentifier: 5 } })
  const coming = take(a, 1)
  await a.publishAsync('js/props', 'x', { qos: 1, properties: {
    contentType: 'text/plain', responseTopic: 'answer', correlationData: Buffer.from('c'),
    messageExpiryInterval: 60, userProperties: { k: ['1', '2'] } } })
  const p = (await coming)[0].packet.properties
  must(p.contentType === 'text/plain' && p.responseTopic === 'answer', JSON.stringify(p))
  must(p.correlationData.toString() === 'c' && p.subscriptionIdentifier === 5, JSON.stringify(p))
  must(p.userProperties.k.join() === '1,2', JSON.stringify(p))
  await a.endAsync()
}

async function is_told_aliases() {
  const a = await open('a', 5, { properties: { topicAliasMaximum: 2 } })
  await a.subscribeAsync('js/alias/#', { qos: 1 })
  const coming = take(a, 9)
  for (let i = 0; i < 9; i++) await a.publishAsync(`js/alias/${i % 3}`, `${i}`, { qos: 1 })
  const got = await coming
  must(got.every((m, i) => m.topic === `js/alias/${i % 3}` && m.text === `${i}`),
    got.map((m) => m.topic).join())
  const told = got.map((m) => (m.packet.properties || {}).topicAlias || 0)
  must(told.join() === '1,2,0,1,2,0,1,2,0', told.join())
  await a.endAsync()
}

async function retains(version) {
  const a = await open('a', version)
  await a.publishAsync('js/retained', 'last', { qos: 1, retain: true })
  const coming = take(a, 1)
  await a.subscribeAsync('js/retained', { qos: 1 })
  must((await coming)[0].packet.retain, 'no retain')
  await a.publishAsync('js/retained', '', { qos: 1, retain: true })
  await a.endAsync()
}

async function carries_what_packs_well_and_what_does_not() {
  const a = await open('a', 4)
  if (where.startsWith('ws')) {
    must(socket.extensions.includes('permessage-deflate'), socket.extensions)
  }
  const bodies = [0, 1, 1000, 100000, 1000000].map((n) => Buffer.alloc(n, 'the quick brown fox '))
  bodies.push(...[100, 20000, 300000].map((n) => require('crypto').randomBytes(n)))
  await a.subscribeAsync('js/large', { qos: 1 })
  const coming = take(a, bodies.length)
  for (const body of bodies) await a.publishAsync('js/large', body, { qos: 1 })
  const got = await coming
  must(got.every((m, i) => m.packet.payload.equals(bodies[i])), 'a body')
  await a.endAsync()
}

const tests = [[passes_properties], [is_told_aliases],
  [carries_what_packs_well_and_what_does_not]]
for (const version of [3, 4, 5]) {
  tests.push([publishes_and_subscribes, version], [keeps_a_session, version], [retains, version])
}

async function main() {
  for (const [test, version] of tests) {
    const name = `${where}_${test.name}${version ? `_${version}` : ''}`
    try {
      await Promise.race([test(version), patience()])
      console.log(`ok ${name}`)
    } catch (e) {
      console.log(`not ok ${name} ${e.message}`)
    }
  }
  process.exit(0)
}

main()
