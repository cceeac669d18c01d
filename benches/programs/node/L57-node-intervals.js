'use strict';
// Every client gets an interval that polls for it, and nobody clears it when the client leaves.
exports.about = 'intervals never cleared';
exports.labels = { leak: ['closure:poll', 'object:Timeout', 'object:Client'], also: ['object:system / Context', 'object:Object'] };
class Client {
  constructor(id) { this.id = id; this.polled = 0; }
}
exports.step = (i, kit) => {
  for (let n = kit.leaked(i, 20); n > 0; n--) {
    const client = new Client(n);
    const poll = () => { client.polled++; };
    setInterval(poll, 60000);
  }
};
