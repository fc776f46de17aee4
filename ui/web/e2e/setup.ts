// Before all tests: the server, or the stand-in, and the traces.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { generate } from '../mock/generate';
import { MockServer } from '../mock/server';
import { HUGE, sendTraces } from './traces';

const DIST = join(import.meta.dirname, '../../dist');

/** See the module. Returns what ends the stand-in. */
export default async function setup(): Promise<(() => void) | undefined> {
  const real = process.env['CLEW_URL'];
  if (real) {
    const zipkin = process.env['CLEW_ZIPKIN_URL'];
    const otlp = process.env['CLEW_OTLP_URL'];
    if (!zipkin || !otlp)
      throw new Error('CLEW_URL is set: set CLEW_ZIPKIN_URL and CLEW_OTLP_URL too');
    await sendTraces(zipkin, otlp);
    return undefined;
  }
  if (!existsSync(join(DIST, 'index.html')))
    throw new Error('the pages are not built: npm run build');
  const server = new MockServer(DIST);
  const url = await server.start();
  for (let seed = 1; seed <= 60; seed++)
    server.addTrace(generate({ seed, spans: 8 + ((seed * 37) % 120), services: 9 }));
  server.addTrace(generate({ seed: 7, spans: 100_000, traceId: HUGE }), false);
  await sendTraces(url, url);
  Object.assign(process.env, { CLEW_URL: url, CLEW_MOCK: '1' });
  return () => server.stop();
}
