'use strict';
// The events of the last minute, literals only: few in a quiet minute, thousands in a busy one.
exports.about = 'literals that come and go';
exports.labels = { not: ['object:Object', 'object:Array', 'string:'] };
let recent;
exports.step = (i, kit) => {
  recent = Array.from({ length: Math.round(kit.whole(100, 1500) * kit.load(i)) }, (_, id) => ({
    id,
    source: { host: kit.text(6), tags: ['a', kit.text(3)] },
    at: id * 1.5,
  }));
  return recent.length;
};
