'use strict';
// node --expose-gc run.js PROGRAM.js FOLDER [seed=1] [leak=1] [noise=1] [load=even|uneven] [snapshots=10]
// Runs one program and writes FOLDER/01.heapsnapshot and so on, and FOLDER/head.json: its labels and how it was run.
const fs = require('fs');
const path = require('path');
const v8 = require('v8');

const [, , program, folder, ...rest] = process.argv;
const options = { seed: 1, leak: 1, noise: 1, load: 'even', snapshots: 10 };
for (const argument of rest) {
  const [name, value] = argument.split('=');
  options[name] = name === 'load' ? value : Number(value);
}

// mulberry32: the same numbers for the same seed.
let state = options.seed;
function random() {
  state = (state + 0x6D2B79F5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

const UNEVEN = [0.6, 1.5, 0.9, 1.2, 0.4, 1.1, 1.8, 0.7, 1.0, 1.4, 0.5];
const kit = {
  random,
  // A whole number from low to high.
  whole: (low, high) => low + Math.floor(random() * (high - low + 1)),
  // How many of what leaks belong to step i, at some `mean` a step.
  leaked: (i, mean) => Math.max(1, Math.round(mean * options.leak * kit.load(i))),
  // The load of step i, 1 on average.
  load: i => options.load === 'uneven' ? UNEVEN[(i + options.seed) % UNEVEN.length] : 1,
  text: length => Array.from({ length }, () => 'abcdefghijklmnop'[kit.whole(0, 15)]).join(''),
};

// What a server has in its hands at any moment: the same kinds of things, never as many.
let inFlight;
function background() {
  inFlight = Array.from({ length: kit.whole(30 * options.noise, 200 * options.noise) }, (_, id) => ({
    id,
    headers: { host: kit.text(6), accept: ['text/html', kit.text(4)] },
    done: random() < 0.4 ? () => id : null,
    at: random() < 0.2 ? new Date(id) : null,
    seen: random() < 0.1 ? new Map([[id, kit.text(8)]]) : null,
    ms: id / 3,
  }));
  return inFlight.length;
}

async function main() {
  const { about, labels, step } = require(path.resolve(program));
  fs.mkdirSync(folder, { recursive: true });
  const head = { about, runtime: `node ${process.version}`, options, labels: { leak: [], also: [], not: [], ...labels } };
  fs.writeFileSync(path.join(folder, 'head.json'), JSON.stringify(head));
  for (let i = 1; i <= options.snapshots; i++) {
    background();
    await step(i, kit);
    await new Promise(resolve => setTimeout(resolve, 20));
    for (let times = 0; times < 3; times++) global.gc();
    v8.writeHeapSnapshot(path.join(folder, `${String(i).padStart(2, '0')}.heapsnapshot`));
  }
  process.exit(0);
}

main().catch(error => {
  console.error(error);
  process.exit(1);
});
