import { describe, expect, test } from 'vitest';

import { randomOf } from '../mock/generate';
import { assemble } from '../mock/model';
import { toOtlp } from '../mock/otlp';
import { ALIKE_MIN, alikeOf, histogram } from '../src/trace/alike';
import { CriticalPath } from '../src/trace/criticalPath';
import { groupRows, GROUPINGS, selfTotals } from '../src/trace/figures';
import { flameOf } from '../src/trace/flame';
import { eventsOf, indentJson, lineAt } from '../src/trace/otlpText';
import { selfStretches, totalOf } from '../src/trace/selfTime';
import { listedRows, parseSort, sortedGroups, sortRows } from '../src/trace/table';
import { generated, node, skeletonFrom, wild } from './trees';

const all = (count: number): Uint32Array => Uint32Array.from({ length: count }, (_, row) => row);

// web 100 ns ─┬ db 10 (twice) ─ disk 4
//             └ cart 30 ─ db 20
const spans = () => [
  node(1, null, 1000, 1100, { service: 'web', name: 'GET', kind: 2 }),
  node(2, 1, 1010, 1020, { service: 'db', name: 'SELECT', kind: 3 }),
  node(3, 2, 1012, 1016, { service: 'disk', name: 'read', kind: 1 }),
  node(4, 1, 1030, 1040, { service: 'db', name: 'SELECT', kind: 3, status: 2 }),
  node(5, 1, 1050, 1080, { service: 'cart', name: 'total', kind: 3 }),
  node(6, 5, 1055, 1075, { service: 'db', name: 'SELECT', kind: 3 }),
];

describe('self time of all spans', () => {
  test('is what it is for each', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const skeleton = seed % 2 ? generated(seed, 150) : skeletonFrom(wild(seed, 60));
      const one = all(skeleton.count);
      expect(Array.from(selfTotals(skeleton))).toEqual(
        Array.from(one, (row) => totalOf(selfStretches(skeleton, row))),
      );
    }
  });
});

describe('groups', () => {
  test('have count, errors, sums and quantiles', () => {
    const skeleton = skeletonFrom(spans());
    const groups = groupRows(
      skeleton,
      all(6),
      'operation',
      selfTotals(skeleton),
      CriticalPath.of(skeleton),
    );
    expect(groups.map(({ key }) => key.join(' '))).toEqual([
      'web GET',
      'db SELECT',
      'disk read',
      'cart total',
    ]);
    expect(groups[1]).toMatchObject({
      count: 3,
      errors: 1,
      sum: 40,
      min: 10,
      median: 10,
      p95: 20,
      max: 20,
      self: 36,
      critical: 36,
    });
    expect(groups[0]).toMatchObject({ count: 1, sum: 100, self: 50, critical: 50 });
  });

  test('hold every span once, whatever they are by', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const skeleton = skeletonFrom(wild(seed, 50));
      const self = selfTotals(skeleton);
      const path = CriticalPath.of(skeleton);
      for (const by of GROUPINGS) {
        const groups = groupRows(skeleton, all(skeleton.count), by, self, path);
        expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(skeleton.count);
        expect(groups.reduce((sum, { critical }) => sum + critical, 0)).toBeCloseTo(path.total);
        for (const group of groups) {
          const rows = listedRows(skeleton, undefined, by, group.key);
          const durations = Array.from(rows, (row) => skeleton.columns.duration[row] as number);
          expect(group.count).toBe(durations.length);
          expect([group.min, group.max]).toEqual([Math.min(...durations), Math.max(...durations)]);
        }
      }
    }
  });

  test('are sorted by any column, and the spans too', () => {
    const skeleton = skeletonFrom(spans());
    const self = selfTotals(skeleton);
    const by = (sort: string): string[] =>
      sortedGroups(skeleton, all(6), 'service', parseSort(sort, ''), self, undefined).map(
        ({ key }) => key.join(),
      );
    expect(by('-count')).toEqual(['db', 'web', 'disk', 'cart']);
    expect(by('group')).toEqual(['cart', 'db', 'disk', 'web']);
    expect(by('max')).toEqual(['disk', 'db', 'cart', 'web']);
    const rows = (sort: string): number[] =>
      Array.from(sortRows(skeleton, all(6), parseSort(sort, 'start'), self, undefined));
    expect(rows('-duration')).toEqual([0, 4, 5, 1, 3, 2]);
    expect(rows('service')).toEqual([4, 1, 3, 5, 2, 0]);
    expect(rows('')).toEqual([0, 1, 2, 3, 4, 5]);
    expect(rows('nonsense')).toEqual([0, 1, 2, 3, 4, 5]);
    expect(
      Array.from(listedRows(skeleton, Uint8Array.of(0, 1, 0, 0), undefined, undefined)),
    ).toEqual([0, 2, 4]);
  });
});

describe('flame graph', () => {
  test('spans of one path are one frame, the largest first', () => {
    const skeleton = skeletonFrom(spans());
    const flame = flameOf(skeleton, selfTotals(skeleton));
    const name = (id: number): string =>
      id === 0 ? 'all' : skeleton.serviceName(flame.row[id] as number);
    expect(Array.from({ length: flame.count }, (_, id) => name(id))).toEqual([
      'all',
      'web',
      'db',
      'disk',
      'cart',
      'db',
    ]);
    // Self: web 50, db 6 + 10, disk 4, cart 10, its db 20.
    expect(Array.from(flame.total)).toEqual([100, 100, 20, 4, 30, 20]);
    expect(flame.children[1]).toEqual([4, 2]);
    expect(Array.from(flame.left)).toEqual([0, 0, 30, 30, 0, 0]);
    expect(Array.from(flame.spans)).toEqual([6, 1, 2, 1, 1, 1]);
    expect(Array.from(flame.errors)).toEqual([0, 0, 1, 0, 0, 0]);
    expect(flame.maxDepth).toBe(3);
  });

  test('frames lie within the one they stand under, and hold all spans and all self time', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const skeleton = seed % 2 ? generated(seed, 200) : skeletonFrom(wild(seed, 60));
      const self = selfTotals(skeleton);
      const flame = flameOf(skeleton, self);
      const sum = self.reduce((total, ns) => total + ns, 0);
      expect(flame.total[0]).toBeCloseTo(sum, 3);
      let counted = 0;
      for (let id = 1; id < flame.count; id++) {
        const parent = flame.parent[id] as number;
        counted += flame.spans[id] as number;
        expect(flame.left[id]).toBeGreaterThanOrEqual((flame.left[parent] as number) - 1e-3);
        expect((flame.left[id] as number) + (flame.total[id] as number)).toBeLessThanOrEqual(
          (flame.left[parent] as number) + (flame.total[parent] as number) + 1e-3,
        );
      }
      expect(counted).toBe(skeleton.count);
    }
  });
});

describe('OTLP JSON', () => {
  const lines = (json: string): string[] => {
    const made = indentJson(json);
    return Array.from({ length: made.count }, (_, i) => lineAt(made, i));
  };

  test('is indented as JSON.stringify does', () => {
    const random = randomOf(5);
    const value = (depth: number): unknown => {
      const kind = Math.floor(random() * (depth > 3 ? 5 : 7));
      const text = ['', 'a "quoted" \\ one', '{not: [a, list]}', '\n\t\u0000', 'ä€😀'];
      if (kind < 2) return text[Math.floor(random() * text.length)];
      if (kind === 2) return Math.round(random() * 1e6) / 100;
      if (kind === 3) return random() < 0.5;
      if (kind === 4) return null;
      const items = Array.from({ length: Math.floor(random() * 4) }, () => value(depth + 1));
      if (kind === 5) return items;
      return Object.fromEntries(items.map((item, i) => [`k${i}`, item]));
    };
    for (let i = 0; i < 200; i++) {
      const made = { resourceSpans: [value(0), value(0)] };
      expect(lines(JSON.stringify(made)).join('\n')).toBe(JSON.stringify(made, null, 2));
    }
  });

  test('keeps numbers and escapes as they were sent', () => {
    expect(lines('{"a":1.0e0,"b":"\\u0041","c": [ ] }')).toEqual([
      '{',
      '  "a": 1.0e0,',
      '  "b": "\\u0041",',
      '  "c": []',
      '}',
    ]);
  });

  test('of any text makes lines and does not hang', () => {
    for (const text of ['', '"never closed', ']]]}}', '{"a"', 'nul', '\\', '[1,,2]'])
      expect(lines(text).join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
  });

  test('has the events of all spans, by time', () => {
    const event = (time: number, name: string) => ({
      time: BigInt(time),
      name,
      attributes: [{ key: 'k', type: 'string' as const, value: `of ${name}` }],
    });
    const made = [
      node(1, null, 1000, 1100, { events: [event(1090, 'late'), event(1005, 'early')] }),
      // Two halves of one call share an id.
      node(2, 1, 1010, 1050, { kind: 3, name: 'call', events: [event(1011, 'client')] }),
      node(2, 1, 1012, 1040, { kind: 2, name: 'call', events: [event(1013, 'server')] }),
    ];
    const skeleton = skeletonFrom(made);
    const log = eventsOf(skeleton, JSON.stringify(toOtlp(assemble(made).rows)));
    expect(log.name).toEqual(['early', 'client', 'server', 'late']);
    expect(Array.from(log.time)).toEqual([5, 11, 13, 90]);
    expect(Array.from(log.row, (row) => skeleton.columns.kind[row])).toEqual([1, 3, 2, 1]);
    expect(log.attributes[1]).toBe('k=of client');
  });

  test('that is something else has no events', () => {
    const skeleton = skeletonFrom(spans());
    for (const text of [
      '{}',
      '[]',
      '{"resourceSpans":[null,{"scopeSpans":[{"spans":[{"events":[{}]}]}]}]}',
    ])
      expect(eventsOf(skeleton, text).count).toBe(0);
    expect(() => eventsOf(skeleton, '{')).toThrow(SyntaxError);
  });
});

describe('spans like one', () => {
  const calls = (count: number) => [
    node(1, null, 1000, 9000, { name: 'root' }),
    ...Array.from({ length: count }, (_, i) =>
      node(i + 2, 1, 1000 + i, 1000 + i + 10 * (i + 1), { service: 'db', name: 'get' }),
    ),
  ];

  test('are compared by duration', () => {
    const skeleton = skeletonFrom(calls(11));
    const stats = alikeOf(skeleton, 11);
    expect(stats).toMatchObject({ median: 60, p99: 110, slowerThan: 1 });
    expect(alikeOf(skeleton, 1)?.slowerThan).toBe(0);
    expect(alikeOf(skeleton, 6)?.slowerThan).toBe(0.5);
    expect(histogram(stats!, 50).reduce((sum, count) => sum + count, 0)).toBe(11);
  });

  test('too few say nothing', () => {
    expect(alikeOf(skeletonFrom(calls(ALIKE_MIN - 1)), 1)).toBeUndefined();
    expect(alikeOf(skeletonFrom(calls(ALIKE_MIN)), 1)).toBeDefined();
    expect(alikeOf(skeletonFrom(calls(ALIKE_MIN)), 0)).toBeUndefined();
  });
});
