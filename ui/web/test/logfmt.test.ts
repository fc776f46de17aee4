import { describe, expect, test } from 'vitest';

import { randomOf } from '../mock/generate';
import { formatTags, parseTags, type Tag } from '../src/lib/logfmt';

describe('parseTags', () => {
  test.each<[string, Tag[]]>([
    ['', []],
    ['  ', []],
    ['k=v', [['k', 'v']]],
    [
      'k=v k2="v v"',
      [
        ['k', 'v'],
        ['k2', 'v v'],
      ],
    ],
    ['error', [['error', 'true']]],
    ['k=', [['k', '']]],
    ['k=""', [['k', '']]],
    ['url=http://a/?b=c', [['url', 'http://a/?b=c']]],
    ['k="a\\"b\\\\c\\nd"', [['k', 'a"b\\c\nd']]],
    ['"odd key"=1', [['odd key', '1']]],
    [
      'a=1\tb=2\nc=3',
      [
        ['a', '1'],
        ['b', '2'],
        ['c', '3'],
      ],
    ],
    ['名前=値', [['名前', '値']]],
    ['__proto__=x', [['__proto__', 'x']]],
  ])('%j', (text, tags) => expect(parseTags(text)).toEqual({ ok: true, tags }));

  test.each<[string, RegExp, number]>([
    ['a=1 b="open', /never closed/, 6],
    ['a=1 =2', /key before/, 4],
    ['a=1 a=2', /stands twice/, 4],
    ['a="1"b', /space/, 5],
    ['"open', /never closed/, 0],
  ])('%j is refused where it is wrong', (text, message, position) => {
    const parsed = parseTags(text);
    expect(parsed).toMatchObject({ ok: false, position });
    expect(!parsed.ok && parsed.message).toMatch(message);
  });

  test('whatever is written is read back', () => {
    const random = randomOf(5);
    const letters = ['a', 'B', '.', '=', '"', '\\', ' ', '\n', '\t', 'é', '😀', '/'];
    const word = (least: number): string =>
      Array.from(
        { length: least + Math.floor(random() * 6) },
        () => letters[Math.floor(random() * letters.length)],
      ).join('');
    for (let i = 0; i < 3000; i++) {
      const tags = new Map(
        Array.from({ length: Math.floor(random() * 4) }, () => [word(1), word(0)] as const),
      );
      expect(parseTags(formatTags([...tags]))).toEqual({ ok: true, tags: [...tags] });
    }
  });
});
