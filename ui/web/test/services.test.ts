// Rate, errors, duration, and the map: what needs no browser.

import { describe, expect, it } from 'vitest';

import { servicesOfCalls } from '../src/api/dependencies';
import type { SqlAnswer } from '../src/api/sql';
import { curve, neighbourhood, NODE_HEIGHT, NODE_WIDTH, place } from '../src/map/graph';
import { rampStep } from '../src/explore/heat';
import { levelBounds } from '../src/services/Heatmap';
import { errorShare, kindsOf, perMinute, servicesOf, trendsOf } from '../src/services/model';
import { sortRows, type SortColumn } from '../src/services/sort';
import { HEAT_STEPS, operationsSql, samplesSql, servicesSql } from '../src/services/statements';
import { ALL, axisOf, bucketsOf, rangeSearch, rangeText } from '../src/services/useRange';

const answer = (names: string, ...rows: unknown[][]): SqlAnswer => ({
  columns: names.split(' ').map((name) => ({ name, type: 'text' })),
  rows,
  stats: {
    rows: rows.length,
    truncated: false,
    truncated_by: null,
    segments_total: 0,
    segments_read: 0,
    elapsed_ms: 1,
  },
});

describe('statements', () => {
  it('keep names from outside inside of their quotes', () => {
    expect(operationsSql("x' OR '1'='1", 'all', {})).toContain("service_name = 'x'' OR ''1''=''1'");
  });

  it('have the range as exact instants, and none where it is open', () => {
    const text = servicesSql({ from: 1_700_000_000_123_456_789n });
    expect(text).toContain('start_time >= to_timestamp_nanos(1700000000123456789)');
    expect(text).not.toContain('start_time <');
    expect(samplesSql('a', 'entry', { to: 5n }, 'errors')).toMatch(
      /start_time < to_timestamp_nanos\(5\).*kind IN \('server', 'consumer'\).*status_code = 'error'/s,
    );
  });
});

describe('services', () => {
  it('count what answers requests, and all spans only where nothing does', () => {
    const services = servicesOf(
      answer(
        'service_name role calls errors p50 p95 p99',
        ['b', 'all', 100, 9, 1, 2, 3],
        ['b', 'entry', 10, 1, 4, 5, 6],
        ['a', 'all', 7, null, null, null, null],
      ),
    );
    expect(services).toEqual([
      {
        name: 'a',
        role: 'all',
        calls: 7,
        errors: 0,
        p50: undefined,
        p95: undefined,
        p99: undefined,
      },
      { name: 'b', role: 'entry', calls: 10, errors: 1, p50: 4, p95: 5, p99: 6 },
    ]);
    const trend = answer(
      'service_name role bucket calls errors',
      ['b', 'all', '1970-01-01T00:01:00Z', 90, 0],
      ['b', 'entry', '1970-01-01T00:02:00Z', 6, 0],
      ['b', 'entry', '1970-01-01T00:01:00Z', 4, 1],
    );
    expect(trendsOf(trend, new Map([['b', 'entry']])).get('b')).toEqual([
      { at: 60_000, calls: 4, errors: 1 },
      { at: 120_000, calls: 6, errors: 0 },
    ]);
  });

  it('know which kinds they have, and when', () => {
    const kinds = kindsOf(
      answer(
        'kind calls first last',
        ['server', 3, '1970-01-01T00:00:02Z', '1970-01-01T00:00:05Z'],
        ['producer', 2, '1970-01-01T00:00:01Z', '1970-01-01T00:00:03Z'],
        ['internal', 4, '1970-01-01T00:00:02Z', '1970-01-01T00:00:03Z'],
      ),
    );
    expect(kinds).toMatchObject({ entry: 3, client: 2, all: 9 });
    expect(kinds.extent).toEqual({ first: 1_000_000_000n, last: 5_000_000_000n, spans: 9 });
    expect(kindsOf(answer('kind calls first last'))).toMatchObject({ all: 0, extent: undefined });
  });

  it('show shares and rates in few digits, never rounding an error away', () => {
    expect(errorShare({ calls: 0, errors: 0 })).toBe('0');
    expect(errorShare({ calls: 1_000_000, errors: 1 })).toBe('< 0.01 %');
    expect(errorShare({ calls: 1731, errors: 146 })).toBe('8.4 %');
    expect(errorShare({ calls: 3, errors: 3 })).toBe('100 %');
    expect(perMinute(1731, 90 * 60_000)).toBe('19.2');
    expect(perMinute(1, 3_600_000)).toBe('< 0.1');
    expect(perMinute(0, 60_000)).toBe('0');
  });

  it('are sorted by what the address says, or as usual when it says nonsense', () => {
    const columns: SortColumn<{ n: number; s: string }>[] = [
      { key: 's', head: '', value: ({ s }) => s },
      { key: 'n', head: '', value: ({ n }) => n },
    ];
    const rows = [
      { n: 1, s: 'b' },
      { n: 3, s: 'a' },
      { n: 2, s: 'c' },
    ];
    const order = (sort: string | undefined): number[] =>
      sortRows(rows, columns, sort, '-n').map(({ n }) => n);
    expect(order(undefined)).toEqual([3, 2, 1]);
    expect(order('s')).toEqual([3, 1, 2]);
    expect(order('nonsense')).toEqual([3, 2, 1]);
  });
});

describe('the range', () => {
  it('is the last hour unless the address says otherwise, and all data has a word of its own', () => {
    expect(rangeText({})).toEqual({ from: 'now-1h' });
    expect(rangeText({ from: ALL })).toEqual({});
    expect(rangeSearch({})).toEqual({ from: ALL, to: undefined });
    expect(rangeSearch({ from: 'now-3h' })).toEqual({ from: 'now-3h', to: undefined });
  });

  it('becomes an axis: open ends lie where the data does', () => {
    const extent = { first: 2_000_000_000n, last: 9_000_000_000n, spans: 3 };
    expect(axisOf({}, extent, 60_000_000_000n)).toEqual({ from: 2000, to: 9000 });
    expect(axisOf({ from: 4_000_000_000n }, extent, 60_000_000_000n)).toEqual({
      from: 4000,
      to: 60_000,
    });
    expect(bucketsOf({ from: 61_000, to: 119_500 }, 30)).toEqual({
      from: 60_000,
      to: 120_000,
      step: 30_000,
    });
  });
});

describe('the heatmap', () => {
  it('has levels that follow each other by equal factors', () => {
    const [from, to] = levelBounds(6 * HEAT_STEPS);
    expect(from).toBeCloseTo(1e6);
    expect(to / from).toBeCloseTo(10 ** (1 / HEAT_STEPS));
    expect(levelBounds(6 * HEAT_STEPS - 1)[1]).toBeCloseTo(from);
  });

  it('shows one span, and the most with the strongest colour', () => {
    // Where no cell has more than one, one is in the middle: the palest is hard to see.
    expect(rampStep(1, 1)).toBe(4);
    expect(rampStep(1, 1000)).toBe(1);
    expect(rampStep(1000, 1000)).toBe(7);
  });
});

describe('the map', () => {
  const call = (caller: string, callee: string) => ({ caller, callee, calls: 1 });
  const chain = [call('a', 'b'), call('b', 'c'), call('c', 'd'), call('x', 'c'), call('d', 'a')];

  it('shows what is near a service, both ways', () => {
    expect(servicesOfCalls(neighbourhood(chain, 'b', 1))).toEqual(['a', 'b', 'c']);
    expect(servicesOfCalls(neighbourhood(chain, 'b', 2))).toEqual(['a', 'b', 'c', 'd', 'x']);
    expect(neighbourhood(chain, 'nobody', 3)).toEqual([]);
  });

  it('places every service apart from the others, circles and strange names too', () => {
    const calls = [...chain, call('__proto__', 'constructor'), call('constructor', '__proto__')];
    const { nodes, edges, width, height } = place(calls);
    expect(nodes.map(({ name }) => name)).toEqual(servicesOfCalls(calls));
    for (const { x, y } of nodes) {
      expect(x).toBeGreaterThanOrEqual(NODE_WIDTH / 2);
      expect(x).toBeLessThanOrEqual(width);
      expect(y).toBeLessThanOrEqual(height);
    }
    const touching = nodes.flatMap((one, i) =>
      nodes
        .slice(i + 1)
        .filter(
          (other) =>
            Math.abs(one.x - other.x) < NODE_WIDTH && Math.abs(one.y - other.y) < NODE_HEIGHT,
        ),
    );
    expect(touching).toEqual([]);
    for (const { points } of edges) expect(curve(points)).toMatch(/^M[\d.-]+ [\d.-]+(C.*)+$/);
  });

  it('draws a service alone when nothing calls it', () => {
    expect(place([], 'alone').nodes).toMatchObject([{ name: 'alone' }]);
  });
});
