'use strict';
// Every download listens for the end of the whole program and does not stop listening when it is done.
exports.about = 'listeners on a long-lived signal';
exports.labels = {
  leak: ['object:Download', 'closure:onAbort', 'object:Listener'],
  also: ['object:system / Context', 'object:Object', 'object:WeakRef', 'string:', 'concatenated string:'],
};
const { signal } = new AbortController();
require('events').setMaxListeners(0, signal);
class Download {
  constructor(url) { this.url = url; this.chunks = [url.length]; }
}
exports.step = (i, kit) => {
  for (let n = kit.leaked(i, 25); n > 0; n--) {
    const download = new Download(`/${kit.text(12)}`);
    signal.addEventListener('abort', function onAbort() { download.chunks = null; });
  }
};
