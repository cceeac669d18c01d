'use strict';
// A pool as large as the most that was ever wanted at once: it grows with every record, ever more rarely.
exports.about = 'a pool that fills slowly';
exports.labels = { not: ['object:PooledBuffer', 'object:Uint8Array', 'object:ArrayBuffer'] };
class PooledBuffer {
  constructor(id) { this.id = id; this.bytes = new Uint8Array(512); }
}
const pool = [];
exports.step = (i, kit) => {
  for (let hour = 0; hour < 6; hour++) {
    let wanted = 0;
    for (let client = 0; client < 300; client++) wanted += kit.random() < 0.3 * kit.load(i) ? 1 : 0;
    while (pool.length < wanted) pool.push(new PooledBuffer(pool.length));
  }
};
