'use strict';
// Each of eighty templates is compiled when it is first wanted; some are wanted rarely.
exports.about = 'functions compiled on demand, bounded';
exports.labels = { not: ['closure:anonymous', 'object:Template'] };
class Template {
  constructor(name) { this.name = name; this.render = new Function('it', `return '${name}: ' + it.name + it.amount`); }
}
const templates = new Map();
exports.step = (i, kit) => {
  for (let n = Math.round(60 * kit.load(i)); n > 0; n--) {
    const name = `template-${Math.floor(80 * kit.random() ** 2)}`;
    if (!templates.has(name)) templates.set(name, new Template(name));
    templates.get(name).render({ name: 'a', amount: n });
  }
};
