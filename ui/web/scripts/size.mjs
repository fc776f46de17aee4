// Checks what a browser loads: the script of shell and Explore, and what the trace page adds. Gzip, in kilobytes.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { DIST } from './dist.mjs';

const LIMITS_KB = { 'shell and Explore': 200, 'trace page, added': 80 };

const assets = join(DIST, 'assets');
const gzipped = (name) =>
  statSync(join(assets, `${name}.gz`), { throwIfNoEntry: false })?.size ??
  statSync(join(assets, name)).size;
const scripts = readdirSync(assets).filter((name) => name.endsWith('.js'));
const html = readFileSync(join(DIST, 'index.html'), 'utf8');

// What the page names itself is loaded at once, together with what that imports without being asked.
const first = new Set(scripts.filter((name) => html.includes(name)));
for (const name of first) {
  const text = readFileSync(join(assets, name), 'utf8');
  for (const [, imported] of text.matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g))
    first.add(imported);
}
const sum = (names) => names.reduce((total, name) => total + gzipped(name), 0) / 1000;
const sizes = {
  'shell and Explore': sum([...first]),
  'trace page, added': sum(scripts.filter((name) => !first.has(name))),
};
for (const [what, size] of Object.entries(sizes)) {
  const limit = LIMITS_KB[what];
  console.log(`${what}: ${size.toFixed(1)} kB of ${limit} kB`);
  if (size > limit) process.exitCode = 1;
}
if (first.size === 0) throw new Error('index.html names no script: is the build complete?');
