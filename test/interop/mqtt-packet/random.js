'use strict'
// Packets by chance, always the same ones, for mqtt-packet to write; and broken ones made of them.

let state = 20261122
function below(n) {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) % n
}
const chance = (n) => below(n) === 0
const one_of = (list) => list[below(list.length)]

const LETTERS = ['a', 'Z', '0', '/', '-', ' ', 'é', '語', '😀', '"']
const text = (most = 12) => Array.from({ length: below(most + 1) }, () => one_of(LETTERS)).join('')
const name = () => `n${text()}`
const octets = (most = 40) => Buffer.from(Array.from({ length: below(most + 1) }, () => below(256)))
const u16 = () => 1 + below(65535)
const u32 = () => below(0xffffffff)
const flag = () => chance(2)

// By its name: how each property is made.
const MADE = {
  payloadFormatIndicator: flag, messageExpiryInterval: u32, contentType: text, responseTopic: name,
  correlationData: octets, sessionExpiryInterval: u32, assignedClientIdentifier: text,
  serverKeepAlive: u16, authenticationMethod: name, requestProblemInformation: flag,
  willDelayInterval: u32, requestResponseInformation: flag, responseInformation: text,
  serverReference: text, reasonString: text, receiveMaximum: u16, topicAliasMaximum: u16,
  topicAlias: u16, maximumQoS: () => below(2), retainAvailable: flag, maximumPacketSize: () => 1 + u32(),
  wildcardSubscriptionAvailable: flag, subscriptionIdentifiersAvailable: flag,
  sharedSubscriptionAvailable: flag, subscriptionIdentifier: () => 1 + below(268435455),
  userProperties: () => ({ [name()]: chance(3) ? [text(), text()] : text(), [name()]: text() })
}
const OF_MESSAGES = ['payloadFormatIndicator', 'messageExpiryInterval', 'contentType',
  'responseTopic', 'correlationData', 'userProperties']
const OF_ANSWERS = ['reasonString', 'userProperties']

function properties(names) {
  const made = {}
  for (const one of names) if (chance(2)) made[one] = MADE[one]()
  return made
}

// In version 5; before it there are none.
const with_properties = (level, names) => level === 5 ? { properties: properties(names) } : {}

function connect(level) {
  const has_will = flag()
  const has_user = flag()
  const packet = { cmd: 'connect', protocolId: level === 3 ? 'MQIsdp' : 'MQTT', protocolVersion: level,
    clean: flag(), keepalive: below(65536), clientId: name(),
    ...with_properties(level, ['sessionExpiryInterval', 'authenticationMethod', 'receiveMaximum',
      'requestProblemInformation', 'requestResponseInformation', 'topicAliasMaximum',
      'maximumPacketSize', 'userProperties']) }
  if (has_will) {
    packet.will = { topic: name(), payload: octets(), qos: below(3), retain: flag(),
      ...with_properties(level, [...OF_MESSAGES, 'willDelayInterval']) }
  }
  if (has_user) packet.username = text()
  if (has_user && flag()) packet.password = octets()
  return packet
}

function connack(level) {
  const is_good = flag()
  return { cmd: 'connack', sessionPresent: is_good && level > 3 && flag(),
    ...(level === 5 ? { reasonCode: is_good ? 0 : 0x87 } : { returnCode: is_good ? 0 : 5 }),
    ...with_properties(level, ['sessionExpiryInterval', 'receiveMaximum', 'maximumQoS',
      'retainAvailable', 'maximumPacketSize', 'assignedClientIdentifier', 'topicAliasMaximum',
      'reasonString', 'wildcardSubscriptionAvailable', 'subscriptionIdentifiersAvailable',
      'sharedSubscriptionAvailable', 'serverKeepAlive', 'responseInformation', 'serverReference',
      'authenticationMethod', 'userProperties']) }
}

function publish(level) {
  const qos = below(3)
  return { cmd: 'publish', qos, dup: qos > 0 && flag(), retain: flag(), topic: name(),
    payload: octets(300), ...(qos > 0 ? { messageId: u16() } : {}),
    ...with_properties(level, [...OF_MESSAGES, 'topicAlias',
      ...(chance(4) ? ['subscriptionIdentifier'] : [])]) }
}

const acknowledge = (cmd, reasons) => (level) => ({ cmd, messageId: u16(),
  ...(level === 5 ? { reasonCode: one_of(reasons) } : {}), ...with_properties(level, OF_ANSWERS) })

function subscribe(level) {
  return { cmd: 'subscribe', messageId: u16(),
    subscriptions: Array.from({ length: 1 + below(4) }, () => ({ topic: name(), qos: below(3),
      ...(level === 5 ? { nl: flag(), rap: flag(), rh: below(3) } : {}) })),
    ...with_properties(level, ['subscriptionIdentifier', 'userProperties']) }
}

const unsubscribe = (level) => ({ cmd: 'unsubscribe', messageId: u16(),
  unsubscriptions: Array.from({ length: 1 + below(4) }, name),
  ...with_properties(level, ['userProperties']) })

const suback = (level) => ({ cmd: 'suback', messageId: u16(),
  granted: Array.from({ length: 1 + below(4) },
    () => one_of(level === 5 ? [0, 1, 2, 0x80, 0x87, 0x9e] : level === 4 ? [0, 1, 2, 0x80] : [0, 1, 2])),
  ...with_properties(level, OF_ANSWERS) })

const unsuback = (level) => ({ cmd: 'unsuback', messageId: u16(),
  ...(level === 5 ? { granted: Array.from({ length: 1 + below(4) }, () => one_of([0, 0x11, 0x87])) } : {}),
  ...with_properties(level, OF_ANSWERS) })

const disconnect = (level) => ({ cmd: 'disconnect',
  ...(level === 5 ? { reasonCode: one_of([0, 4, 0x80, 0x82, 0x93]) } : {}),
  ...with_properties(level, [...OF_ANSWERS, 'sessionExpiryInterval']) })

const auth = () => ({ cmd: 'auth', reasonCode: one_of([0x18, 0x19]),
  properties: { authenticationMethod: name(), ...(flag() ? { authenticationData: octets() } : {}),
    ...properties(OF_ANSWERS) } })

const KINDS = [connect, connack, publish, publish, acknowledge('puback', [0, 0x10, 0x87]),
  acknowledge('pubrec', [0, 0x10, 0x97]), acknowledge('pubrel', [0, 0x92]),
  acknowledge('pubcomp', [0, 0x92]), subscribe, suback, unsubscribe, unsuback,
  () => ({ cmd: 'pingreq' }), () => ({ cmd: 'pingresp' }), disconnect, auth]

function packets(n) {
  return Array.from({ length: n }, () => {
    const make = one_of(KINDS)
    const level = make === auth ? 5 : 3 + below(3)
    return { packet: make(level), level }
  })
}

// An octet is another one, or the packet ends too early, or does not end; its length says so or not.
function broken(of, n) {
  return Array.from({ length: n }, () => {
    const one = one_of(of)
    const octets = Buffer.from(one.octets)
    const how = below(3)
    if (how === 0) octets[below(octets.length)] ^= 1 << below(8)
    if (how === 1) octets[below(octets.length)] = below(256)
    const end = how === 2 && octets[1] < 128 && octets.length > 2 ? 2 + below(octets.length - 2)
      : octets.length
    if (how === 2 && octets[1] < 128) octets[1] = end - 2
    return { name: one.name, level: one.level, side: one.side, octets: octets.subarray(0, end) }
  })
}

module.exports = { packets, broken }
