'use strict';
// An audit log keeps what it parsed: literals only.
exports.about = 'parsed JSON kept for ever';
exports.labels = { leak: ['object:Object'], also: ['object:Array', 'string:', 'heap number:', 'number:', 'array:(object elements)'] };
const log = [];
exports.step = (i, kit) => {
  for (let n = kit.leaked(i, 60); n > 0; n--) {
    log.push(JSON.parse(`{"id":${log.length},"by":{"name":"${kit.text(9)}","roles":["${kit.text(5)}"]},"took":${kit.random()}}`));
  }
};
