// After the build: writes brotli and gzip beside every file that gets smaller by them, so that the server only picks one.
// `index.html` stays plain: the server fits it to each address.

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

import { DIST } from './dist.mjs';

/** Smaller files gain nothing that is felt. */
const LEAST_BYTES = 1024;

for (const name of readdirSync(DIST, { recursive: true })) {
  const path = join(DIST, name);
  if (!statSync(path).isFile() || name === 'index.html' || !/\.(js|css|svg)$/.test(name)) continue;
  const plain = readFileSync(path);
  if (plain.length < LEAST_BYTES) continue;
  const brotli = {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
    },
  };
  writeFileSync(`${path}.br`, brotliCompressSync(plain, brotli));
  writeFileSync(`${path}.gz`, gzipSync(plain, { level: 9 }));
}
