// Find in a trace by service and span name: what the page can do at once, before the server has looked through everything
// else. Dictionaries are searched, rows only compared by number.

import type { Skeleton } from './skeleton';

/** Most words of a find that count. */
const WORDS_MAX = 30;

/** Rows of which service and name together contain every word of `text`, from the top. */
export function findRows(skeleton: Skeleton, text: string): Uint32Array {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean).slice(0, WORDS_MAX);
  if (words.length === 0) return new Uint32Array(0);
  // One bit a word: which of them the entry contains.
  const bits = (entries: readonly string[]): Int32Array =>
    Int32Array.from(entries, (entry) => {
      const lower = entry.toLowerCase();
      return words.reduce((mask, word, i) => (lower.includes(word) ? mask | (1 << i) : mask), 0);
    });
  const services = bits(skeleton.head.services);
  const names = bits(skeleton.head.names);
  const all = 2 ** words.length - 1;
  const { service, name } = skeleton.columns;
  const found = new Uint32Array(skeleton.count);
  let count = 0;
  for (let row = 0; row < skeleton.count; row++) {
    const mask =
      (services[service[row] as number] as number) | (names[name[row] as number] as number);
    if (mask === all) found[count++] = row;
  }
  return found.slice(0, count);
}

/** Place in the sorted `rows` of the first one at or after `row`; `rows.length` when there is none. */
export function firstFrom(rows: Uint32Array, row: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle] as number) < row) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Place of `row` among the sorted `rows`, or -1. */
export function placeOf(rows: Uint32Array, row: number): number {
  const at = row === -1 ? -1 : firstFrom(rows, row);
  return rows[at] === row ? at : -1;
}

/** True for a text with signs of the query language, or one of its flags: no one looks for that in a name. */
export function looksLikeQuery(text: string): boolean {
  return /[=<>~"']|\bhas:|^\s*-?(error|root)\s*$|\bexists\b|\bin\s*\(/i.test(text);
}
