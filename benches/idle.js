'use strict';
// A server that nobody calls, with the timers that servers have: writes FOLDER/1.heapsnapshot .. 7.heapsnapshot.
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const v8 = require('node:v8');

const SNAPSHOTS = 7;
const folder = process.argv[2];
let ticks = 0;
const recent = [];
const server = http.createServer((request, response) => response.end(String(ticks)));
setInterval(() => {
  ticks += 1;
  recent.push({ at: Date.now(), memory: process.memoryUsage().heapUsed });
  if (recent.length > 20) recent.shift();
}, 10);

server.listen(0, '127.0.0.1', async () => {
  fs.mkdirSync(folder, { recursive: true });
  for (let i = 1; i <= SNAPSHOTS; i += 1) {
    await new Promise((done) => setTimeout(done, 300));
    global.gc();
    v8.writeHeapSnapshot(path.join(folder, `${i}.heapsnapshot`));
  }
  process.exit(0);
});
