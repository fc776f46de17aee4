import { describe, expect, test } from 'vitest';

import { contextAt } from '../src/language/context';
import { clauses, keyAndLevel, standOf, toggled, withClause, without } from '../src/language/edit';
import { read } from '../src/language/check';

describe('conditions of a query', () => {
  test('are taken out and put in, the rest staying as typed', () => {
    const q = 'service = cart  -(a=1 or b=2) and name~"x y"';
    expect(clauses(q).map(({ text }) => text)).toEqual([
      'service = cart',
      '-(a=1 or b=2)',
      'name~"x y"',
    ]);
    expect(without(q, 1)).toBe('service = cart name~"x y"');
    expect(withClause('error', 'root')).toBe('error root');
    expect(withClause('error', 'error')).toBe('error');
    expect(withClause('error or root', 'k=1')).toBe('(error or root) k=1');
    expect(withClause('', 'k=1')).toBe('k=1');
    expect(without('error or root', 0)).toBe('');
  });

  test.each([
    ['', 'included', 'service=a'],
    ['service=a', 'included', ''],
    ['service=b', 'included', 'service=b|a'],
    ['service=b|a', 'included', 'service=b'],
    ['-service=a kind=server', 'included', 'kind=server service=a'],
    ['', 'excluded', '-service=a'],
    ['-service=a error', 'excluded', 'error'],
    ['service=a', 'excluded', '-service=a'],
    ['service=a|b', 'excluded', '-service=a service=b'],
    ['service!=a|b', 'included', '-service=b service=a'],
    ['-service=b', 'excluded', '-service=b -service=a'],
    ['error or root', 'included', '(error or root) service=a'],
  ] as const)('%s, with a value %s, is %s', (q, as, expected) => {
    const next = toggled(q, 'service', 'a', as);
    expect(next).toBe(expected);
    read(next);
    expect(standOf(next, 'service', 'a')).toBe(
      expected.includes('a') && standOf(q, 'service', 'a') !== as ? as : undefined,
    );
  });

  test('an error is a status, and values keep their quotes', () => {
    expect(standOf('error', 'status', 'error')).toBe('included');
    expect(toggled('error', 'status', 'error', 'included')).toBe('');
    expect(toggled('', 'name', 'GET /*', 'included')).toBe('name="GET /*"');
    expect(standOf('name="GET /*"', 'name', 'GET /*')).toBe('included');
    expect(standOf('name=GET*', 'name', 'GET*')).toBeUndefined();
    expect(toggled('', '"my key"', '', 'excluded')).toBe('-"my key"=""');
    expect(standOf('resource.k=1', 'k', '1')).toBe('included');
  });

  test('keys tell where they stand', () => {
    expect(keyAndLevel('http.route')).toEqual({ key: 'http.route', level: 'any' });
    expect(keyAndLevel('resource.host.name')).toEqual({ key: 'host.name', level: 'resource' });
    expect(keyAndLevel('event."a b"')).toEqual({ key: 'a b', level: 'event' });
    expect(keyAndLevel('"duration"')).toEqual({ key: 'duration', level: 'any' });
  });
});

describe('what stands at the cursor', () => {
  /** `^` is the cursor. */
  test.each([
    ['^', 'key '],
    ['ser^', 'key ser'],
    ['ser^vice=a', 'key ser'],
    ['error du^', 'key du'],
    ['error ^', 'key '],
    ['error ^ root', 'key '],
    ['(a=1 or ro^', 'key ro'],
    ['-ro^', 'key ro'],
    ['has:db.^', 'key db.'],
    ['k ^', 'op k'],
    ['k >^= 5', 'op k'],
    ['k=^', 'value k = '],
    ['k>=5^0', 'value k >= 5'],
    ['service=a|b^', 'value service = b'],
    ['service=a|^ error', 'value service = '],
    ['service in (a, b^', 'value service = b'],
    ['name="GET /c^', 'value name = GET /c'],
    ['name="a b" er^', 'key er'],
    ['k=v ^', 'key '],
    ['resource."my key"=v^', 'value resource."my key" = v'],
    ['"my k^', 'key "my k'],
    ['error and not ser^', 'key ser'],
  ])('%s', (text, expected) => {
    const caret = text.indexOf('^');
    const context = contextAt(text.replace('^', ''), caret);
    const words =
      context.is === 'key'
        ? ['key', context.text]
        : context.is === 'op'
          ? ['op', context.key]
          : ['value', context.key, context.op, context.text];
    expect(words.join(' ')).toBe(expected);
  });

  test('every place of any text has one', () => {
    const text = `service=a|"b c" -(k in (1, 'x') or has:y) !~ """ trace.duration > 5ms ,,= é`;
    for (let caret = 0; caret <= text.length; caret++) {
      const { from, to } = contextAt(text, caret);
      expect(from).toBeLessThanOrEqual(caret);
      expect(to).toBeGreaterThanOrEqual(caret);
    }
  });
});
