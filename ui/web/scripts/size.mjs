// Checks what a browser loads: the script of shell and Explore, and what each other page adds. Gzip, in kilobytes.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { DIST } from './dist.mjs';

const FIRST_KB = 200;
/** What each page may add; the names are those of their components. */
const PAGES_KB = {
  TracePage: 110,
  ComparePage: 90,
  SqlPage: 220,
  ServicesPage: 40,
  ServicePage: 60,
  MapPage: 80,
  FilePage: 40,
  StatusPage: 30,
};

const assets = join(DIST, 'assets');
const gzipped = (name) =>
  statSync(join(assets, `${name}.gz`), { throwIfNoEntry: false })?.size ??
  statSync(join(assets, name)).size;
const scripts = readdirSync(assets).filter((name) => name.endsWith('.js'));
const html = readFileSync(join(DIST, 'index.html'), 'utf8');

/** `names` and all that they import, now or later, less what is there already. */
function withImports(names, pattern, without = new Set()) {
  const all = new Set(names);
  for (const name of all) {
    const text = readFileSync(join(assets, name), 'utf8');
    for (const [, imported] of text.matchAll(pattern))
      if (scripts.includes(imported) && !without.has(imported)) all.add(imported);
  }
  return all;
}
const AT_ONCE = /(?:from|import)\s*["']\.\/([^"']+\.js)["']/g;
const EVER = /["'`]\.\/([^"'`]+\.js)["'`]/g;

// What the page names itself is loaded at once, together with what that imports without being asked.
const first = withImports(
  scripts.filter((name) => html.includes(name)),
  AT_ONCE,
);
if (first.size === 0) throw new Error('index.html names no script: is the build complete?');
const sum = (names) => names.reduce((total, name) => total + gzipped(name), 0) / 1000;
const check = (what, size, limit) => {
  console.log(`${what}: ${size.toFixed(1)} kB of ${limit} kB`);
  if (size > limit) process.exitCode = 1;
};
check('shell and Explore', sum([...first]), FIRST_KB);
for (const [page, limit] of Object.entries(PAGES_KB)) {
  const entry = scripts.find((name) => name.startsWith(`${page}-`));
  if (!entry) throw new Error(`no script of ${page}: was it renamed?`);
  check(`${page}, added`, sum([...withImports([entry], EVER, first)]), limit);
}
