// mqtt.js logs in by SCRAM-SHA-256: node scram.js URL. Prints lines as tools/run-tests reads them.
'use strict'
const crypto = require('crypto')
const mqtt = require('mqtt')
const url = process.argv[2]

const METHOD = 'SCRAM-SHA-256'
const mac = (key, of) => crypto.createHmac('sha256', key).update(of).digest()

// The client's side: its first line, and its last one as an answer to the broker's.
function login(user, password) {
  const bare = `n=${user},r=${crypto.randomBytes(18).toString('base64')}`
  return {
    first: Buffer.from(`n,,${bare}`),
    last(challenge) {
      const [, nonce, salt, rounds] = /^r=(.*),s=(.*),i=(\d+)$/.exec(challenge)
      const salted = crypto.pbkdf2Sync(password, Buffer.from(salt, 'base64'), +rounds, 32, 'sha256')
      const key = mac(salted, 'Client Key')
      const stored = crypto.createHash('sha256').update(key).digest()
      const all = `${bare},${challenge},c=biws,r=${nonce}`
      const proof = mac(stored, all).map((octet, i) => octet ^ key[i])
      this.signature = `v=${mac(mac(salted, 'Server Key'), all).toString('base64')}`
      return Buffer.from(`c=biws,r=${nonce},p=${proof.toString('base64')}`)
    }
  }
}

// What CONNACK says to it.
function connect(password) {
  return new Promise((resolve, fail) => {
    const one = login('guest', password)
    const client = mqtt.connect(url, { protocolVersion: 5, clientId: 'scram', reconnectPeriod: 0,
      connectTimeout: 30000,
      properties: { authenticationMethod: METHOD, authenticationData: one.first } })
    client.handleAuth = (packet, done) => done(null, { cmd: 'auth', reasonCode: 0x18,
      properties: { authenticationMethod: METHOD,
        authenticationData: one.last(packet.properties.authenticationData.toString()) } })
    client.on('connect', (connack) => client.end(false, {}, () => resolve(
      connack.properties.authenticationData.toString() === one.signature)))
    client.on('error', (error) => client.end(true, {}, () => resolve(error.code)))
    AbortSignal.timeout(40000).addEventListener('abort', () => fail(new Error('timed out')))
  })
}

async function main() {
  const got = [await connect('guest'), await connect('wrong')]
  const isGood = got[0] === true && got[1] === 0x86
  console.log(`${isGood ? 'ok' : 'not ok'} scram_by_mqtt.js ${isGood ? '' : got}`)
  process.exit(isGood ? 0 : 1)
}

main().catch((error) => {
  console.log(`not ok scram_by_mqtt.js ${error}`)
  process.exit(1)
})
