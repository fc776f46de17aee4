// A reverse proxy that serves the pages under a prefix, which it cuts off, as nginx and the like do.

import { createServer, request, type Server } from 'node:http';

/** The prefix. */
export const PREFIX = '/tools/tracing';

/** Starts a proxy in front of `origin`; returns its address with the prefix, and what ends it. */
export async function startProxy(origin: string): Promise<{ url: string; stop: () => void }> {
  const { hostname, port } = new URL(origin);
  const server: Server = createServer((asked, answer) => {
    const path = asked.url ?? '/';
    if (!path.startsWith(`${PREFIX}/`)) {
      answer.writeHead(404).end('outside of the prefix');
      return;
    }
    // The Host header stays that of the browser, as it does in such a set-up.
    const options = {
      hostname,
      port,
      path: path.slice(PREFIX.length),
      method: asked.method,
      headers: asked.headers,
    };
    const onward = request(options, (got) => {
      answer.writeHead(got.statusCode ?? 502, got.headers);
      got.pipe(answer);
    });
    onward.on('error', () => answer.writeHead(502).end());
    asked.pipe(onward);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}${PREFIX}`,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
