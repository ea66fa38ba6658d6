// Our codec beside mqtt-packet: node compare.js CODEC. Prints lines as tools/run-tests reads them.
'use strict'
const { isDeepStrictEqual } = require('util')
const { spawnSync } = require('child_process')
const mqtt = require('mqtt-packet')
const { fixtures } = require('./fixtures')
const { packets, broken } = require('./random')

const CODEC = process.argv[2]
const OF_A_SERVER = ['connack', 'suback', 'unsuback', 'pingresp']
const SHOWN_MAX = 5

// Fixtures that are no packets, and are refused here.
const NO_PACKETS = [
  'connect MQTT bridge 132', // MQIsdp is level 3
  'Version 4 CONACK in Version 5 mode', 'Version 5 CONNACK test 1',
  'Version 5 CONNACK test 2', // v5:3.2.2: flags, reason and the length of properties
  'connack MQTT 5 with properties',
  'connack MQTT 5 with properties and doubled user properties', // v5:3.2.2.3.4: Maximum QoS 2
  'disconnect MQTT 5' // there is no reason 0x20
]
// What it refuses and we take. Of 3.1: a length that counts where the flags of CONNECT say that there is
// more, DUP with PUBREL, SUBSCRIBE and UNSUBSCRIBE, anything in the first octet of CONNACK. Before 5:
// codes of a SUBACK that bridges hear and that grant nothing. Of 5: AUTH without a reason, from a server.
function is_taken({ level, octets, side }, error) {
  if (octets.toString('hex') === 'f000') return side === 's'
  if (error.startsWith('Invalid suback QoS')) return level < 5
  const is_of_3_1 = level === 3 || octets.includes('MQIsdp')
  return is_of_3_1 && [/^Cannot parse (username|password)/, /must be 0x2/, /^Invalid connack flags/]
    .some((words) => words.test(error))
}

// What mqtt-packet reads, or the words in which it refuses that.
function read(octets, level) {
  const parser = mqtt.parser({ protocolVersion: level })
  const found = []
  let error = null
  parser.on('packet', (packet) => found.push(packet))
  parser.on('error', (e) => { error = e.message })
  try {
    parser.parse(octets)
  } catch (e) {
    error = `throws: ${e.message}`
  }
  if (!error && found.length !== 1) error = `${found.length} packets`
  return { packet: found[0], error }
}

// How a packet was written is no matter, nor what stands for its absence. A session is present only where
// somebody was let in, by a version that has a word for it; 3.1 has none for a topic that is refused.
function meaning(packet, level) {
  const { length, properties, ...rest } = packet
  if (packet.cmd !== 'publish') {
    delete rest.topic
    delete rest.payload
  }
  if (packet.cmd === 'connack' && (level === 3 || packet.returnCode || packet.reasonCode)) {
    rest.sessionPresent = false
  }
  if (packet.cmd === 'suback' && level === 3) rest.granted = packet.granted.map((qos) => qos & 3)
  if (properties && Object.keys(properties).length > 0) rest.properties = { ...properties }
  if (rest.will && rest.will.properties && Object.keys(rest.will.properties).length === 0) {
    delete rest.will.properties
  }
  return rest
}

function side(packet) {
  const p = packet.properties || {}
  return OF_A_SERVER.includes(packet.cmd) || 'serverReference' in p || packet.reasonCode === 0x10 ||
    (packet.cmd === 'auth' && !packet.reasonCode) ||
    (packet.cmd === 'publish' && 'subscriptionIdentifier' in p) ? 's' : 'c'
}

// All at once: [{ level, octets, side }] to { octets } or { fault }, each.
function ours(all) {
  const lines = all.map((one) => `${one.level} ${one.side} ${one.octets.toString('hex')}\n`)
  const done = spawnSync(CODEC, { input: lines.join(''), maxBuffer: 1 << 30 })
  if (done.status !== 0) throw new Error(`${CODEC}: ${done.status} ${String(done.stderr).slice(0, 400)}`)
  return done.stdout.toString().trimEnd().split('\n').map((line) =>
    line.startsWith('fault ') ? { fault: line.slice(6) } : { octets: Buffer.from(line, 'hex') })
}

let failed = false
function test(name, body) {
  let wrong
  try {
    wrong = body()
  } catch (e) {
    wrong = [e.stack]
  }
  for (const one of wrong.slice(0, SHOWN_MAX)) console.log(`# ${one}`)
  console.log(`${wrong.length ? 'not ok' : 'ok'} ${name}${wrong.length ? ` ${wrong.length} differ` : ''}`)
  failed ||= wrong.length > 0
}

// What means something to mqtt-packet means the same behind our decoder and encoder.
function mean_the_same(all) {
  const wrong = []
  ours(all).forEach((mine, i) => {
    const { name, level, octets, packet } = all[i]
    const again = mine.octets ? read(mine.octets, level) : { error: `fault ${mine.fault}` }
    if (again.error || !isDeepStrictEqual(meaning(again.packet, level), meaning(packet, level))) {
      wrong.push(`${name}, level ${level}: ${octets.toString('hex').slice(0, 200)}: ${again.error ||
        `${JSON.stringify(meaning(packet))} became ${JSON.stringify(meaning(again.packet))}`}`)
    }
  })
  return wrong
}

function are_refused(all) {
  const wrong = []
  ours(all).forEach((mine, i) => {
    const { name, level, octets } = all[i]
    if (!mine.fault) wrong.push(`${name}, level ${level}: ${octets.toString('hex').slice(0, 200)}: taken`)
  })
  return wrong
}

const all = fixtures()
const is_no_packet = (one) => NO_PACKETS.includes(one.name.replace(/ (parse|mirror)$/, ''))
const good = all.filter((one) => !one.error && one.packets.length === 1 && !is_no_packet(one))
  .map((one) => ({ ...one, packet: one.packets[0], side: side(one.packets[0]),
    level: one.packets[0].protocolVersion || one.level }))
const bad = all.filter((one) => one.error && one.packets.length === 0 &&
  !is_taken(one, one.error))
  .map((one) => ({ ...one, side: OF_A_SERVER.includes(mqttName(one.octets)) ? 's' : 'c' }))

function mqttName(octets) {
  return ['', 'connect', 'connack', 'publish', 'puback', 'pubrec', 'pubrel', 'pubcomp', 'subscribe',
    'suback', 'unsubscribe', 'unsuback', 'pingreq', 'pingresp', 'disconnect', 'auth'][octets[0] >> 4]
}

test('its_test_has_fixtures', () => good.length > 100 && bad.length > 50 ? []
  : [`${good.length} good, ${bad.length} bad`])
test('its_fixtures_mean_the_same', () => mean_the_same(good))
test('what_its_fixtures_refuse_is_refused', () => are_refused(bad))

const made = packets(4000).map(({ packet, level }) => {
  const octets = mqtt.generate(packet, { protocolVersion: level })
  return { name: packet.cmd, level, octets, packet: read(octets, level).packet, side: side(packet) }
})
test('what_is_no_packet_is_refused', () => are_refused(all.filter(is_no_packet)
  .map((one) => ({ ...one, side: side(one.packets[0]) }))))
test('its_random_packets_mean_the_same', () => mean_the_same(made))

// We may refuse more than it does; but what we take it takes, and it means the same.
test('broken_packets_are_refused_or_mean_the_same', () => {
  const pieces = broken(made, 20000)
  const mine = ours(pieces)
  const taken = pieces.map((one, i) => ({ ...one, ...read(one.octets, one.level), mine: mine[i] }))
    .filter((one) => one.mine.octets)
  const wrong = taken.filter((one) => one.error && !is_taken(one, one.error))
    .map((one) => `${one.name}, level ${one.level}: ${one.octets.toString('hex')}: taken; ${one.error}`)
  console.log(`# ${taken.length} of ${pieces.length} are still packets`)
  return wrong.concat(mean_the_same(taken.filter((one) => !one.error)))
})
process.exitCode = failed ? 1 : 0
