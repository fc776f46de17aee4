import { describe, expect, test } from 'vitest';

import { clausesOf, prepare } from '../src/explore/request';
import { fromJaegerSearch, fromUiFind } from '../src/shell/jaegerLinks';
import {
  parseSearch,
  readExploreSearch,
  readTraceSearch,
  stringifySearch,
} from '../src/shell/search';

const NOW = 1_700_000_000_000_000_000n;

describe('the query string', () => {
  test('keeps texts as they are: no JSON, no numbers', () => {
    const search = {
      service: '007',
      tags: 'a="b c" d=1&2',
      from: 'now-1h',
      min: '1.50s',
      limit: 20,
    };
    const query = stringifySearch(search);
    expect(query).not.toContain('%22007');
    expect(readExploreSearch(parseSearch(query))).toEqual(search);
    expect(stringifySearch({ a: undefined, b: '', c: null })).toBe('');
  });

  test('what makes no sense is left out', () => {
    expect(readExploreSearch({ limit: '-5', service: '  ', other: 'x' })).toEqual({});
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

describe('the request of a search', () => {
  test('texts become what the server takes', () => {
    const prepared = prepare(
      {
        service: 'cart',
        operation: 'GET /',
        tags: 'error a="b c"',
        min: '1ms',
        max: '2s',
        from: 'now-1h',
        limit: 7,
      },
      NOW,
      'utc',
    );
    expect(prepared).toEqual({
      ok: true,
      value: {
        request: {
          service: 'cart',
          operation: 'GET /',
          tags: '{"error":"true","a":"b c"}',
          min_duration_ns: '1000000',
          max_duration_ns: '2000000000',
          limit: '7',
        },
        range: { start: NOW - 3_600_000_000_000n },
      },
    });
  });

  test('a tag named like a property of every object is sent like any other', () => {
    const prepared = prepare({ tags: '__proto__=x' }, NOW, 'utc');
    expect(prepared.ok && prepared.value.request.tags).toBe('{"__proto__":"x"}');
  });

  test('each wrong field is named', () => {
    const prepared = prepare({ tags: 'a="', min: '5', max: 'x', from: 'soon' }, NOW, 'utc');
    expect(prepared.ok ? [] : Object.keys(prepared.errors).sort()).toEqual([
      'max',
      'min',
      'range',
      'tags',
    ]);
    expect(prepare({ min: '2s', max: '1s' }, NOW, 'utc')).toMatchObject({
      ok: false,
      errors: { max: expect.any(String) },
    });
  });

  test('conditions are listed, each with the search without it', () => {
    const clauses = clausesOf({
      service: 'cart',
      tags: 'a=1 b="2 3"',
      max: '1s',
      from: 'now-1h',
      cursor: 'c',
    });
    expect(clauses.map(({ key, operator, value }) => `${key} ${operator} ${value}`)).toEqual([
      'service = cart',
      'a = 1',
      'b = 2 3',
      'duration ≤ 1s',
      'time = now-1h',
    ]);
    expect(clauses[1]?.without).toEqual({
      service: 'cart',
      tags: 'b="2 3"',
      max: '1s',
      from: 'now-1h',
    });
    expect(clauses[4]?.without).toEqual({ service: 'cart', tags: 'a=1 b="2 3"', max: '1s' });
  });
});
