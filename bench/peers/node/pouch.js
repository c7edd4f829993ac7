// PouchDB replicates a till's sales to express-pouchdb in another process, a thousand a batch.
// node pouch.js SALES FOLDER; its server is the same with `serve FOLDER`.
'use strict';

const { fork } = require('child_process');
const fs = require('fs');
const path = require('path');
const { performance } = require('perf_hooks');
const PouchDB = require('pouchdb');

const BATCH = 1000;

function serve(folder) {
  const express = require('express');
  const own = PouchDB.defaults({ prefix: folder + path.sep });
  const app = express();
  const sockets = [];
  app.use('/', require('express-pouchdb')(own, { inMemoryConfig: true, logPath: path.join(folder, 'log') }));
  const server = app.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
  server.on('connection', (socket) => sockets.push(socket));
  process.on('message', () => {
    process.send({ bytes: sockets.reduce((sum, socket) => sum + socket.bytesRead, 0) });
  });
}

function next(child) {
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
}

async function carry(sales, folder) {
  const lines = fs.readFileSync(sales, 'utf8').split('\n').filter(Boolean);
  const docs = lines.map((line, at) => ({ _id: String(at).padStart(9, '0'), ...JSON.parse(line) }));
  const till = new PouchDB(path.join(folder, 'till'));
  for (let first = 0; first < docs.length; first += BATCH) {
    await till.bulkDocs(docs.slice(first, first + BATCH));
  }
  fs.mkdirSync(path.join(folder, 'hq'));
  const child = fork(__filename, ['serve', path.join(folder, 'hq')], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const { port } = await next(child);
  const hq = new PouchDB(`http://127.0.0.1:${port}/hq`);
  const start = performance.now();
  const done = await till.replicate.to(hq, { batch_size: BATCH });
  const seconds = (performance.now() - start) / 1000;
  const held = (await hq.info()).doc_count;
  if (!done.ok || held !== docs.length) throw new Error(`only ${held} sales arrived`);
  child.send('bytes');
  const { bytes } = await next(child);
  child.kill();
  process.stdout.write(JSON.stringify({ seconds, wire_bytes: bytes }) + '\n');
  process.exit(0);
}

if (process.argv[2] === 'serve') {
  serve(process.argv[3]);
} else {
  carry(process.argv[2], process.argv[3]).catch((error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  });
}
