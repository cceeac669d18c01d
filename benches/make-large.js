#!/usr/bin/env node
// Writes large, real heap snapshots of one growing process, to measure on. Node 20 or later.
//
//   node make-large.js PREFIX [--records N] [--snapshots K]
//
// PREFIX-1.heapsnapshot holds N customers (default 148000, about 0.5 GB; a record takes about 3.5 KB of the file). Before each
// further snapshot 5 % of N are added and the oldest 2 % of N leave, so successive files share most of their objects.
// Writing takes some five times the file's size of memory and about 10 s for each 100 MB.
'use strict';
const fs = require('fs');
const path = require('path');
const v8 = require('v8');
const { parseArgs } = require('util');

class Money { constructor(amount, currency) { this.amount = amount; this.currency = currency; } }
class Address {
  constructor(i) { this.street = `${i % 300} Road ${i}`; this.city = CITIES[i % CITIES.length]; this.zip = `Z-${i % 9000}`; }
}
class OrderLine {
  constructor(product, quantity, price) { this.product = product; this.quantity = quantity; this.price = price; }
}
class Order {
  constructor(number, customer) {
    this.number = number;
    this.customer = customer;
    this.state = STATES[number % STATES.length];
    this.placed = new Date(1.7e12 + number * 1000);
    this.lines = [];
    for (let i = 0; i <= number % 2; i++) {
      this.lines.push(new OrderLine(PRODUCTS[(number * 7 + i) % PRODUCTS.length], i + 1, new Money(number % 997 + 0.25, 'EUR')));
    }
  }
}
class Customer {
  constructor(id) {
    this.id = id;
    this.name = `Customer ${id} ${(Math.imul(id, 2654435761) >>> 0).toString(36)}`;
    this.email = `user${id}@example${id % 97}.com`;
    this.address = new Address(id);
    this.credit = id * 0.37;
    this.labels = new Set([`segment-${id % 101}`, STATES[id % STATES.length]]);
    this.orders = [];
    this.referrer = null;
  }
}
class Subscription { constructor(topic, notify) { this.topic = topic; this.notify = notify; } }

const CITIES = ['Lisbon', 'Graz', 'Utrecht', 'Aarhus', 'Łódź'];
const STATES = ['open', 'paid', 'shipped', 'closed'];
const PRODUCTS = Array.from({ length: 1000 }, (_, i) => ({ sku: `SKU-${i}`, weight: i * 0.1 }));

const shop = { customers: new Map(), subscriptions: [], pending: [], avatars: [], lastSeen: new WeakMap() };
globalThis.shop = shop;

function addCustomer(id, referrer) {
  const customer = new Customer(id);
  customer.referrer = referrer;
  for (let i = 0; i <= id % 3; i++) customer.orders.push(new Order(id * 3 + i, customer));
  const seen = { id, at: `login ${id}` };
  shop.customers.set(`customer:${id}`, customer);
  shop.subscriptions.push(new Subscription(STATES[id % STATES.length], function onOrderUpdate(order) {
    return seen.at + customer.name + order.number;
  }));
  if (id % 20 === 0) shop.pending.push(Promise.resolve(seen));
  if (id % 50 === 0) {
    shop.avatars.push(Buffer.alloc(256));
    shop.lastSeen.set(customer, seen);
  }
  return customer;
}

function addCustomers(from, to) {
  let referrer = null;
  for (let id = from; id < to; id++) {
    const customer = addCustomer(id, referrer);
    if (id % 10 === 0) referrer = customer;
  }
}

function removeOldest(count) {
  for (const key of [...shop.customers.keys()].slice(0, count)) shop.customers.delete(key);
  shop.subscriptions.splice(0, count);
}

function write(file) {
  // A cut file must not be taken for a finished one.
  const partial = `${file}.partial`;
  v8.writeHeapSnapshot(partial);
  fs.renameSync(partial, file);
  console.log(`${path.basename(file)} ${fs.statSync(file).size} bytes`);
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { records: { type: 'string', default: '148000' }, snapshots: { type: 'string', default: '1' } },
  });
  const [records, snapshots] = [Number(values.records), Number(values.snapshots)];
  if (positionals.length !== 1 || !Number.isInteger(records) || records < 1 || !Number.isInteger(snapshots) || snapshots < 1) {
    console.error('usage: make-large.js PREFIX [--records N] [--snapshots K]');
    process.exit(2);
  }
  const added = Math.ceil(records * 0.05);
  addCustomers(0, records);
  for (let i = 1; ; i++) {
    write(`${positionals[0]}-${i}.heapsnapshot`);
    if (i === snapshots) return;
    const next = records + added * (i - 1);
    removeOldest(Math.floor(records * 0.02));
    addCustomers(next, next + added);
  }
}

main();
