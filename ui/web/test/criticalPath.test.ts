import { describe, expect, test } from 'vitest';

import { CriticalPath } from '../src/trace/criticalPath';
import type { Skeleton } from '../src/trace/skeleton';
import { generated, node, skeletonFrom, wild } from './trees';

type Node = Parameters<typeof node>;

/** Sections by time: name of the span, from, to; times as in the spans. */
function sections(...spans: Node[]): [string, number, number][] {
  const skeleton = skeletonFrom(spans.map((span) => node(...span)));
  const origin = Number(skeleton.head.start_time_unix_nano);
  return sectionsOf(skeleton).map(([row, from, to]) => [
    skeleton.spanName(row),
    from + origin,
    to + origin,
  ]);
}

function sectionsOf(skeleton: Skeleton): [row: number, from: number, to: number][] {
  const path = CriticalPath.of(skeleton);
  const found: [number, number, number][] = [];
  for (let row = 0; row < skeleton.count; row++) {
    const stretches = path.stretchesOf(row);
    for (let i = 0; i < stretches.length; i += 2)
      found.push([row, stretches[i] as number, stretches[i + 1] as number]);
  }
  return found.sort((a, b) => a[1] - b[1]);
}

// Trees and sections of the tests of Jaeger UI, which people trust for this (packages/jaeger-ui, CriticalPath/testCases).
describe('known truths', () => {
  test.each<[string, [string, number, number][], Node[]]>([
    [
      'children one after the other',
      [
        ['n1', 1, 20],
        ['n2', 20, 40],
        ['n1', 40, 50],
        ['n3', 50, 60],
        ['n1', 60, 101],
      ],
      [
        [1, null, 1, 101],
        [2, 1, 20, 40],
        [3, 1, 50, 60],
      ],
    ],
    [
      'overlapping children: the one that ends last is waited for',
      [
        ['n1', 1, 20],
        ['n3', 20, 60],
        ['n1', 60, 101],
      ],
      [
        [1, null, 1, 101],
        [2, 1, 10, 50],
        [3, 1, 20, 60],
      ],
    ],
    [
      'a longer child that starts after its parent has ended',
      [['n1', 100, 140]],
      [
        [1, null, 100, 140],
        [2, 1, 150, 250],
      ],
    ],
    [
      'an async tail: child and grandchild after the parent',
      [['n1', 1, 31]],
      [
        [1, null, 1, 31],
        [2, 1, 40, 80],
        [3, 2, 50, 60],
      ],
    ],
    [
      'a child that outlives its parent, a grandchild that starts before its own',
      [
        ['n1', 1, 15],
        ['n3', 15, 25],
        ['n2', 25, 30],
      ],
      [
        [1, null, 1, 30],
        [2, 1, 15, 35],
        [3, 2, 10, 25],
      ],
    ],
    [
      'child and grandchild outlive their parents',
      [
        ['n1', 1, 15],
        ['n2', 15, 20],
        ['n3', 20, 30],
      ],
      [
        [1, null, 1, 30],
        [2, 1, 15, 35],
        [3, 2, 20, 40],
      ],
    ],
    [
      'a child longer than its parent on both sides',
      [['n2', 10, 30]],
      [
        [1, null, 10, 30],
        [2, 1, 5, 35],
      ],
    ],
    [
      'a child that has ended before its parent starts',
      [['n1', 10, 30]],
      [
        [1, null, 10, 30],
        [2, 1, 1, 5],
      ],
    ],
  ])('%s', (_, expected, spans) => expect(sections(...spans)).toEqual(expected));
});

describe('more of what happens', () => {
  test('parallel calls: only the slowest counts, with what it waits for itself', () => {
    expect(
      sections(
        [1, null, 1000, 1100],
        [2, 1, 1010, 1030],
        [3, 1, 1010, 1090],
        [4, 1, 1010, 1050],
        [5, 3, 1020, 1080],
      ),
    ).toEqual([
      ['n1', 1000, 1010],
      ['n3', 1010, 1020],
      ['n5', 1020, 1080],
      ['n3', 1080, 1090],
      ['n1', 1090, 1100],
    ]);
  });

  test('a consumer is not waited for, a producer is', () => {
    expect(
      sections(
        [1, null, 1000, 1100],
        [2, 1, 1010, 1020, { kind: 4 }],
        [3, 2, 1015, 1090, { kind: 5 }],
      ),
    ).toEqual([
      ['n1', 1000, 1010],
      ['n2', 1010, 1020],
      ['n1', 1020, 1100],
    ]);
    expect(sections([1, null, 1000, 1100], [2, 1, 1010, 1090, { kind: 5 }])).toEqual([
      ['n1', 1000, 1100],
    ]);
  });

  test('children without a duration, or that end before they start, take nothing', () => {
    expect(sections([1, null, 1000, 1100], [2, 1, 1050, 1050], [3, 1, 1060, 1040])).toEqual([
      ['n1', 1000, 1100],
    ]);
  });

  test('of several roots the longest that has no missing parent', () => {
    expect(sections([1, 99, 1000, 5000], [2, null, 1100, 1200], [3, null, 1100, 1300])).toEqual([
      ['n3', 1100, 1300],
    ]);
    expect(sections([1, 99, 1000, 1050], [2, 98, 1100, 1200])).toEqual([['n2', 1100, 1200]]);
  });

  test('nothing with a duration has no path', () => {
    const skeleton = skeletonFrom([node(1, null, 1000, 1000)]);
    expect(CriticalPath.of(skeleton).root).toBe(-1);
    expect(CriticalPath.of(skeleton).total).toBe(0);
  });

  test('50,000 levels are no trouble', () => {
    const depth = 50_000;
    const chain = Array.from({ length: depth }, (_, i) =>
      node(i + 1, i === 0 ? null : i, 1000 + i, 1000 + 3 * depth - i),
    );
    const path = CriticalPath.of(skeletonFrom(chain));
    expect(path.total).toBe(3 * depth);
  });
});

test('the path covers the root’s time once, and each part lies in its span', () => {
  for (let seed = 1; seed <= 80; seed++) {
    const skeleton = seed % 2 ? generated(seed, 150) : skeletonFrom(wild(seed, 60));
    const path = CriticalPath.of(skeleton);
    if (path.root === -1) continue;
    const { start, duration } = skeleton.columns;
    let at = start[path.root] as number;
    for (const [row, from, to] of sectionsOf(skeleton)) {
      expect(from).toBe(at);
      expect(to).toBeGreaterThan(from);
      expect(from).toBeGreaterThanOrEqual(start[row] as number);
      expect(to).toBeLessThanOrEqual((start[row] as number) + (duration[row] as number));
      at = to;
    }
    expect(at).toBe((start[path.root] as number) + (duration[path.root] as number));
    expect(path.total).toBeCloseTo(duration[path.root] as number, 3);
    const end = skeleton.end(path.root);
    expect(path.extent(path.root, end)).toEqual([start[path.root], at]);
    expect(path.between(path.root, end)).toBeCloseTo(path.total, 3);
  }
});
