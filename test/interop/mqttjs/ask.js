// What a page does, in node: node ask.js URL. Prints a line as tools/run-tests reads it.
'use strict'
const assert = require('assert')
const mqtt = require('mqtt')
const ask = require('../../browser/ask.js')

ask(mqtt, process.argv[2], 'größe?').then((got) => {
  // A consumer in Python has made them great, as bytes: what is not ASCII stays.
  assert.deepStrictEqual(got, { text: 'GRößE?', topic: 'answers/me', number: '7' })
  console.log('ok a_page_asks_and_is_answered')
  process.exit(0)
}).catch((error) => {
  console.log('not ok a_page_asks_and_is_answered', String(error).replace(/\s+/g, ' '))
  process.exit(0)
})
AbortSignal.timeout(60000).addEventListener('abort', () => {
  console.log('not ok a_page_asks_and_is_answered no answer came')
  process.exit(0)
})
