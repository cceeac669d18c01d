'use strict';
// Sessions end three steps after they began: their number rises at first, then follows the load.
exports.about = 'sessions that expire';
exports.labels = { not: ['object:Session', 'object:Cart', 'object:Map'] };
class Cart {
  constructor() { this.items = new Map(); }
}
class Session {
  constructor(id, until) { this.id = id; this.until = until; this.cart = new Cart(); }
}
const sessions = new Map();
exports.step = (i, kit) => {
  for (const [id, session] of sessions) if (session.until <= i) sessions.delete(id);
  for (let n = Math.round(kit.whole(30, 60) * kit.load(i)); n > 0; n--) {
    const id = kit.text(16);
    sessions.set(id, new Session(id, i + 3));
  }
};
