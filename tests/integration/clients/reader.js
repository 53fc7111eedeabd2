// SPDX-License-Identifier: LGPL-2.1-or-later
// Reads with the npm package ws: reader.js URL COUNT [SUBPROTOCOL]. Writes `open SUBPROTOCOL`, then each message as a line, then
// `close CODE`. After COUNT messages it closes with 1000.
'use strict';

const WebSocket = require('ws');

const [url, count, protocol] = process.argv.slice(2);
const client = new WebSocket(url, protocol ? [protocol] : [], { perMessageDeflate: true });
let left = Number(count);

client.on('open', () => process.stdout.write(`open ${client.protocol} ${client.extensions}\n`));
client.on('message', (data, isBinary) => {
  if (isBinary || left === 0)
    return;
  process.stdout.write(`${data}\n`);
  if (--left === 0)
    client.close(1000);
});
client.on('close', (code) => process.stdout.write(`close ${code}\n`));
client.on('error', (error) => process.stdout.write(`error ${error.message}\n`));
