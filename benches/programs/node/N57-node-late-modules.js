'use strict';
// Every route loads what it needs when it is first asked for; some are asked for rarely.
exports.about = 'modules loaded on demand';
exports.labels = { not: ['object:Module', 'code:(shared function info)', 'closure:', 'string:'] };
const ROUTES = [
  'zlib', 'crypto', 'readline', 'dgram', 'tls', 'http', 'http2', 'https', 'inspector', 'worker_threads', 'child_process', 'cluster',
  'dns', 'domain', 'net', 'perf_hooks', 'punycode', 'querystring', 'repl', 'stream/promises', 'string_decoder', 'test', 'trace_events',
  'wasi',
].map(name => name === 'test' ? 'node:test/reporters' : name);
exports.step = (i, kit) => {
  for (let n = Math.round(5 * kit.load(i)); n > 0; n--) require(ROUTES[kit.whole(0, ROUTES.length - 1)]);
};
