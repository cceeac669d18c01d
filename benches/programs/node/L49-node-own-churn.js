'use strict';
// Most jobs are done and forgotten; those that failed stay in a list nobody reads.
exports.about = 'leak in the churn of its own class';
exports.labels = { leak: ['object:Job'], also: ['object:Payload', 'object:Object', 'object:Array', 'string:'] };
class Payload {
  constructor(text) { this.text = text; }
}
class Job {
  constructor(id, text) { this.id = id; this.payload = new Payload(text); this.tries = [id]; }
}
const failed = [];
let running;
exports.step = (i, kit) => {
  running = Array.from({ length: kit.whole(60, 240) }, (_, id) => new Job(id, kit.text(10)));
  for (let n = kit.leaked(i, 40); n > 0; n--) failed.push(new Job(-n, kit.text(10)));
  return running.length;
};
