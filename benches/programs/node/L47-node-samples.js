'use strict';
// A histogram that keeps every sample: one array of doubles, which V8 makes half as large again whenever it is full.
exports.about = 'one array of doubles grows';
exports.labels = { leak: ['array:(object elements)', 'array:'] };
const samples = [];
exports.step = (i, kit) => {
  for (let n = kit.leaked(i, 6000); n > 0; n--) samples.push(kit.random() * 1000);
};
