'use strict';
// A query compiler caches its functions by their text, and every text has another constant in it.
exports.about = 'a function compiled per request, cached';
exports.labels = {
  // V8 gives the functions no name; their shared function infos are what only they have.
  leak: ['closure:', 'code:(shared function info)'],
  also: ['string:', 'concatenated string:', 'code:', 'code:system / BytecodeArray', 'code:system / ScopeInfo', 'array:'],
};
const compiled = new Map();
exports.step = (i, kit) => {
  for (let n = kit.leaked(i, 30); n > 0; n--) {
    const text = `return row.price > ${kit.random()} && row.name !== 'x'`;
    if (!compiled.has(text)) compiled.set(text, new Function('row', text));
    compiled.get(text)({ price: 1, name: 'y' });
  }
};
