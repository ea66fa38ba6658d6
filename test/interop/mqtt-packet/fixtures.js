'use strict'
/* What mqtt-packet's own test reads, and what comes of it there: its package has that test in it.
 *
 * The test is run with a tape of ours, which asserts nothing, and with an mqtt-packet that notes
 * what its parsers are given and what they answer. So nothing of the test stands here. */
const Module = require('module')
const path = require('path')
const real = require('mqtt-packet')

const LONG = 1 << 20 // one is as large as a packet can be, which is too long a line of hex
const TEST = path.join(path.dirname(require.resolve('mqtt-packet')), 'test.js')

/* Each { name, level, octets, packets, error }, in the order of the test. */
function fixtures () {
  const found = []
  let name = ''

  function noted (settings) {
    const parser = real.parser(settings)
    const one = { name, level: (settings && settings.protocolVersion) || 4, octets: Buffer.alloc(0),
      packets: [], error: null }
    found.push(one)
    parser.on('packet', packet => one.packets.push(packet))
    parser.on('error', error => { one.error = error.message })
    const parse = parser.parse
    parser.parse = octets => {
      one.octets = Buffer.concat([one.octets, octets])
      return parse.call(parser, octets)
    }
    return parser
  }

  const nothing = new Proxy(() => nothing, { get: () => nothing })
  const tape = (title, body) => {
    name = title
    body(nothing)
  }
  const load = Module._load
  Module._load = function (request, from, isMain) {
    if (from && from.filename === TEST && request === 'tape') return tape
    if (from && from.filename === TEST && request === './') return { ...real, parser: noted }
    return load.call(this, request, from, isMain)
  }
  try {
    require(TEST)
  } finally {
    Module._load = load
  }
  return found.filter(one => one.octets.length > 0 && one.octets.length < LONG)
}

module.exports = { fixtures }
