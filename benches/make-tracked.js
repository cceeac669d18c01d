#!/usr/bin/env node
// Writes a large, real heap snapshot of a process whose allocations were tracked, to measure on. Node 20 or later.
//
//   node --max-old-space-size=6000 make-tracked.js PREFIX [--records N]
//
// PREFIX-1.heapsnapshot holds N customers (default 66000, about 0.2 GB; a record takes about 3.4 KB of the file). They are made along
// some thousands of stacks: routes lead through layers of small packages, three ways on from each function, to the models.
'use strict';
const fs = require('fs');
const path = require('path');
const vm = require('vm');
const { Session } = require('inspector');
const { parseArgs } = require('util');

const [ROUTES, LAYERS, WIDTH, MODELS] = [60, 6, 14, 12];

const shop = { customers: new Map(), subscriptions: new Set(), index: Object.create(null) };
globalThis.shop = shop;

/** The value of a function expression that stands in a file of its own, as far as V8 knows. */
function load(filename, code, ...args) {
  return new vm.Script(`(${code})`, { filename }).runInThisContext()(...args);
}

function model(n) {
  return load(`/srv/app/node_modules/@shop/model${n}/lib/index.js`, `shop => {
    class Customer${n} {
      constructor(i) {
        this.id = i;
        this.name = 'Customer ' + i + ' ' + (Math.imul(i, 2654435761) >>> 0).toString(36);
        this.email = 'user' + i + '@example' + (i % 97) + '.com';
        this.score = i * 0.37;
        this.tags = ['t' + (i % 13), 'segment' + (i % 101)];
        this.orders = [];
      }
    }
    class Order${n} {
      constructor(i, customer) {
        this.id = i;
        this.customer = customer;
        this.lines = [{ sku: 'SKU-' + (i % 5000), count: i % 9, price: (i % 997) + 0.25 }, { sku: 'SKU-0', count: 1, price: 9.5 }];
        this.placed = new Date(1.6e12 + i * 1000);
      }
    }
    class Subscription${n} { constructor(target, callback) { this.target = target; this.callback = callback; } }
    function order(customer, i) {
      for (let k = 0; k <= i % 3; k++) customer.orders.push(new Order${n}(i * 3 + k, customer));
    }
    function subscribe(customer, i) {
      const seen = { i, label: 'login ' + i };
      shop.subscriptions.add(new Subscription${n}(customer, function onUpdate() { return seen.label + customer.name; }));
    }
    return function make(i) {
      const customer = new Customer${n}(i);
      order(customer, i);
      shop.customers.set('customer:' + i, customer);
      subscribe(customer, i);
      if (i % 4 === 0) shop.index['key' + i] = { customer, at: i, note: 'note for ' + i };
    };
  }`, shop);
}

/** Functions by which a request may begin. */
function routes() {
  let seed = 7;
  const any = list => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return list[(seed >>> 8) % list.length];
  };
  let below = Array.from({ length: MODELS }, (_, n) => model(n));
  for (let layer = 0; layer < LAYERS; layer++) {
    const step = (_, n) => load(`/srv/app/node_modules/layer${layer}-${n % 5}/src/step${n}.js`,
      `next => function step${layer}_${n}(i) { return next[(i >> ${layer}) % 3](i); }`, [any(below), any(below), any(below)]);
    below = Array.from({ length: WIDTH }, step);
  }
  const route = (_, n) => load(`/srv/app/src/routes/r${n % 20}.js`, `next => function route${n}(i) { return next(i); }`, any(below));
  return Array.from({ length: ROUTES }, route);
}

async function main() {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { records: { type: 'string', default: '66000' } } });
  const records = Number(values.records);
  if (positionals.length !== 1 || !Number.isInteger(records) || records < 1) {
    console.error('usage: make-tracked.js PREFIX [--records N]');
    process.exit(2);
  }
  const session = new Session();
  session.connect();
  const post = (method, params) => new Promise((done, failed) => {
    session.post(method, params, error => (error ? failed(error) : done()));
  });
  await post('HeapProfiler.startTrackingHeapObjects', { trackAllocations: true });
  const begin = routes();
  for (let i = 0; i < records; i++) begin[i % begin.length](i);
  // A cut file must not be taken for a finished one.
  const file = `${positionals[0]}-1.heapsnapshot`;
  const partial = fs.openSync(`${file}.partial`, 'w');
  session.on('HeapProfiler.addHeapSnapshotChunk', message => fs.writeSync(partial, message.params.chunk));
  await post('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
  fs.closeSync(partial);
  fs.renameSync(`${file}.partial`, file);
  console.log(`${path.basename(file)} ${fs.statSync(file).size} bytes`);
  // To end in an orderly way takes Node minutes while it tracks so many objects.
  process.exit(0);
}

main();
