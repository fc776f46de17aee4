// Serves a built Jaeger UI and passes `/api` on to a Clew, as a reverse proxy in front of both would.

import { createReadStream, readFileSync, statSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
};

/** What Jaeger's own server writes into the page: what the storage can do. */
const CAPABILITIES = { archiveStorage: true, metricsStorage: true };

/** The page with its blanks filled in, which differ between versions of the UI. */
function page(dist) {
  const said = `= ${JSON.stringify(CAPABILITIES)};`;
  return readFileSync(join(dist, 'index.html'), 'utf8')
    .replace('= DEFAULT_STORAGE_CAPABILITIES;', said)
    .replace('= DEFAULT_BACKEND_CAPABILITIES;', said);
}

/** Passes a request on with the headers that the browser sent, Host too. */
function passOn(origin, asked, answer) {
  const { hostname, port } = new URL(origin);
  const { url: path, method, headers } = asked;
  const onward = request({ hostname, port, path, method, headers }, (got) => {
    answer.writeHead(got.statusCode ?? 502, got.headers);
    got.pipe(answer);
  });
  onward.on('error', () => answer.writeHead(502).end());
  asked.pipe(onward);
}

/** Starts the server for the UI in `dist` over the Clew at `origin`; returns its address and what ends it. */
export async function serve(dist, origin) {
  const html = page(dist);
  const server = createServer((asked, answer) => {
    if (asked.url.startsWith('/api/')) return passOn(origin, asked, answer);
    const file = join(dist, normalize(decodeURIComponent(asked.url.split('?')[0])));
    // Every path that is no file is a page of the application.
    if (!asked.url.startsWith('/static/') || !statSync(file, { throwIfNoEntry: false })?.isFile())
      return answer.writeHead(200, { 'content-type': TYPES['.html'] }).end(html);
    answer.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
    return createReadStream(file).pipe(answer);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, stop };
}
