import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { read, tryRead } from '../src/language/check';
import { TERMS_MAX } from '../src/language/parse';
import { print } from '../src/language/print';

interface Cases {
  accepted: { query: string; canonical: string }[];
  refused: { query: string; position: number }[];
}

/** The cases that the server's parser has to meet too. */
const cases = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../testdata/query-language/cases.json'), 'utf8'),
) as Cases;

describe('the query language', () => {
  test.each(cases.accepted)('$query', ({ query, canonical }) => {
    expect(print(read(query))).toBe(canonical);
    expect(print(read(canonical))).toBe(canonical);
  });

  test.each(cases.refused)('$query is refused', ({ query, position }) => {
    const result = tryRead(query);
    if (!('error' in result)) throw new Error('it was accepted');
    // The server counts bytes, the page UTF-16 units.
    const bytes = new TextEncoder().encode(query.slice(0, result.error.at)).length;
    expect(bytes).toBe(position);
    expect(result.error.hint).not.toBe('');
  });

  test('keeps to its bounds', () => {
    const terms = (count: number): string => Array(count).fill('error').join(' ');
    expect(tryRead(terms(TERMS_MAX))).toHaveProperty('node');
    expect(tryRead(terms(TERMS_MAX + 1))).toHaveProperty('error');
    const deep = (depth: number): string => '('.repeat(depth) + 'error' + ')'.repeat(depth);
    expect(tryRead(deep(32))).toHaveProperty('node');
    expect(tryRead(deep(33))).toHaveProperty('error');
    const long = (bytes: number): string => `k="${'x'.repeat(bytes - 4)}"`;
    expect(tryRead(long(16 << 10))).toHaveProperty('node');
    expect(tryRead(long((16 << 10) + 1))).toHaveProperty('error');
  });

  test('every node tells the text that it was read from', () => {
    const text = ' service=a  -(b=1 or "c d"~x)  has:e ';
    const node = read(text);
    if (node.is !== 'all') throw new Error(node.is);
    expect(node.parts.map(({ from, to }) => text.slice(from, to))).toEqual([
      'service=a',
      '-(b=1 or "c d"~x)',
      'has:e',
    ]);
  });
});
