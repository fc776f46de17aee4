import { describe, expect, test } from 'vitest';

import { boxOf, durationTerm, selOf, zoomedTo } from '../src/explore/box';
import { prepare } from '../src/explore/request';
import { fromJaegerPair, fromJaegerSearch, fromUiFind } from '../src/shell/jaegerLinks';
import {
  parseSearch,
  readExploreSearch,
  readTraceSearch,
  stringifySearch,
  withoutForm,
  type ExploreSearch,
} from '../src/shell/search';

const NOW = 1_700_000_000_000_000_000n;

describe('the query string', () => {
  test('keeps texts as they are: no JSON, no numbers', () => {
    const search = { q: 'service="007" a="b c" d=1&2', from: 'now-1h', sort: 'longest', limit: 20 };
    const query = stringifySearch(search);
    expect(query).not.toContain('%5C');
    expect(readExploreSearch(parseSearch(query))).toEqual(search);
    expect(stringifySearch({ a: undefined, b: '', c: null })).toBe('');
  });

  test('fields of a form become a query', () => {
    const read = (raw: Record<string, string>) => withoutForm(readExploreSearch(raw))?.q;
    expect(
      read({ service: 'my cart', operation: 'GET /*', tags: 'error=true a="b c"', min: '1 ms' }),
    ).toBe('service="my cart" name="GET /*" error a="b c" duration>=1ms');
    expect(read({ q: 'k=1', tags: 'span.kind=server', max: '2s' })).toBe(
      'k=1 span.kind=server duration<=2s',
    );
    expect(read({ q: 'a=1 or b=2', service: 'c' })).toBe('(a=1 or b=2) service=c');
    // A tag that has the name of a field is an attribute all the same.
    expect(read({ tags: 'duration=5 resource.host=h error=maybe __proto__=x' })).toBe(
      '"duration"=5 resource.host=h "error"=maybe __proto__=x',
    );
    expect(read({ tags: 'a="open' })).toBe('a="open');
    expect(read({ q: 'k=1' })).toBeUndefined();
  });

  test('what makes no sense is left out', () => {
    expect(readExploreSearch({ limit: '-5', q: '  ', sort: 'loud', other: 'x' })).toEqual({});
    expect(readExploreSearch({ limit: '1500' })).toEqual({ limit: 1500 });
    expect(readExploreSearch({ limit: '1501' })).toEqual({ limit: 1500 });
    expect(readTraceSearch({ span: 'ab', range: '1,2', junk: 'x' })).toEqual({
      span: 'ab',
      range: '1,2',
    });
  });
});

describe('links of Jaeger', () => {
  test('a search with everything', () => {
    const query =
      '?end=1548689901403000&limit=20&lookback=1h&maxDuration=1.2s&minDuration=100ms&operation=HTTP%20GET&service=frontend&start=1548686301403000' +
      '&tags=%7B%22http.status_code%22%3A%22500%22%2C%22error%22%3Atrue%2C%22m%22%3A%22a%20b%22%7D';
    expect(fromJaegerSearch(query)).toEqual({
      service: 'frontend',
      operation: 'HTTP GET',
      tags: 'http.status_code=500 error=true m="a b"',
      min: '100ms',
      max: '1.2s',
      from: 'now-1h',
      limit: 20,
    });
  });

  test('fixed range, old tags, all operations, weeks, broken JSON', () => {
    expect(
      fromJaegerSearch('?lookback=custom&start=1548686301403000&end=1548689901403000'),
    ).toEqual({
      from: '1548686301403000000',
      to: '1548689901403000000',
    });
    expect(fromJaegerSearch('?tag=error:true&tag=http.url:http://a:1/&operation=all')).toEqual({
      tags: 'error=true http.url=http://a:1/',
    });
    expect(fromJaegerSearch('?lookback=4w&tags=%7Bbroken')).toEqual({ from: 'now-28d' });
  });

  test('uiFind is a span when it looks like one, else a text', () => {
    expect(fromUiFind('00F067AA0BA902B7')).toEqual({ span: '00f067aa0ba902b7' });
    expect(fromUiFind('redis GET')).toEqual({ find: 'redis GET' });
    expect(fromUiFind(' ')).toEqual({});
  });
});

describe('the questions of a search', () => {
  const ask = (search: ExploreSearch) => {
    const prepared = prepare(search, NOW, 'utc');
    if (!prepared.ok) throw new Error(JSON.stringify(prepared.problems));
    return prepared.value;
  };

  test('one range for all of them, and a bound of the total for the page', () => {
    expect(ask({ q: ' service=cart ', from: 'now-1h', sort: 'longest', limit: 7 })).toEqual({
      selection: { q: 'service=cart', start: '1699996400000000000' },
      axis: { axis_start: '1699996400000000000', axis_end: '1700000000000000000' },
      page: {
        q: 'service=cart',
        start: '1699996400000000000',
        order: 'longest',
        limit: '7',
        total: 'bound',
      },
    });
    expect(ask({}).axis).toEqual({});
  });

  test('a box narrows the page alone, by trace or by span', () => {
    const sel = '5,9,1000,2000';
    expect(ask({ q: 'a=1 or b=2', sel }).page).toEqual({
      q: '(a=1 or b=2) trace.duration>=1000ns trace.duration<2000ns',
      trace_start: '5',
      trace_end: '9',
      limit: '50',
    });
    expect(ask({ q: 'a=1', sel }).selection).toEqual({ q: 'a=1' });
    expect(ask({ sel, unit: 'spans' }).page).toEqual({
      q: 'duration>=1000ns duration<2000ns',
      start: '5',
      end: '9',
      limit: '50',
    });
    expect(ask({ sel: ',,,7' }).page.q).toBe('trace.duration<7ns');
  });

  test('what is wrong is named', () => {
    const prepared = prepare({ q: 'error checkout', from: 'soon' }, NOW, 'utc');
    expect(prepared).toMatchObject({
      ok: false,
      problems: { q: { at: 6 }, range: expect.any(String) },
    });
  });
});

describe('a box', () => {
  test('reads back, and nonsense is none', () => {
    const box = { from: 5n, max: 7n };
    expect(boxOf(selOf(box))).toEqual(box);
    for (const text of [undefined, '', ',,,', '1,2,3', '1,2,3,x', '1,2,3,-4'])
      expect(boxOf(text)).toBeUndefined();
  });

  test('becomes a part of the query in exact and readable units', () => {
    expect([25_000_000n, 1_250n, 2_240_000n, 31_500_000_000n, 7n].map(durationTerm)).toEqual([
      '25ms',
      '1.25us',
      '2.24ms',
      '31.5s',
      '7ns',
    ]);
    const axis = { start: 3n, end: 9n };
    expect(zoomedTo({ q: 'a=1 or b=2', sel: 'x' }, { from: 5n, min: 1_000_000n }, axis)).toEqual({
      q: '(a=1 or b=2) trace.duration>=1ms',
      from: '5',
      around: '~~3~9',
    });
    expect(zoomedTo({ unit: 'spans', to: 'now' }, { max: 2_000n }, axis)).toEqual({
      q: 'duration<2us',
      to: 'now',
      unit: 'spans',
    });
  });
});

test('a pair of Jaeger’s comparison is known by its dots, and an id is none', () => {
  expect(fromJaegerPair('0af7651916cd43dd8448eb211c80319c...b7ad6b7169203331')).toEqual({
    a: '0af7651916cd43dd8448eb211c80319c',
    b: 'b7ad6b7169203331',
  });
  expect(fromJaegerPair('b7ad6b7169203331...')).toEqual({ a: 'b7ad6b7169203331' });
  for (const id of ['b7ad6b7169203331', 'a..b', '...b', 'x...y', 'a...b...c'])
    expect(fromJaegerPair(id)).toBeUndefined();
});
