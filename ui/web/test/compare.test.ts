// Two traces laid on each other.

import { describe, expect, it } from 'vitest';

import { skeletonOf } from '../mock/answers';
import { generate } from '../mock/generate';
import { assemble, mockSpan, type MockSpan } from '../mock/model';
import { align } from '../src/compare/align';
import { ALIKE, Comparison, DIFFERENT, ONLY_A, ONLY_B } from '../src/compare/comparison';
import { placeOf, visibleRows } from '../src/compare/visible';
import { skeletonFromJson } from '../src/trace/loadSkeleton';
import type { Skeleton } from '../src/trace/skeleton';

const MS = 1_000_000n;

interface Node {
  name: string;
  service?: string;
  /** From and to, ms. */
  at: [from: number, to: number];
  children?: Node[];
}

function trace(...roots: Node[]): Skeleton {
  const spans: MockSpan[] = [];
  const add = ({ name, service = 's', at, children = [] }: Node, parentId: string | null): void => {
    const spanId = (spans.length + 1).toString(16).padStart(16, '0');
    spans.push(
      mockSpan({
        traceId: 'a'.repeat(32),
        spanId,
        parentId,
        name,
        service,
        start: 1_000_000_000_000n + BigInt(at[0]) * MS,
        end: 1_000_000_000_000n + BigInt(at[1]) * MS,
      }),
    );
    for (const child of children) add(child, spanId);
  };
  for (const root of roots) add(root, null);
  return skeletonFromJson(skeletonOf(assemble(spans)));
}

const names = (a: Skeleton, b: Skeleton): string[] => {
  const { count, a: ofA, b: ofB, depth } = align(a, b);
  return Array.from({ length: count }, (_, i) => {
    const [rowA, rowB] = [ofA[i] as number, ofB[i] as number];
    const name = rowA === -1 ? b.spanName(rowB) : a.spanName(rowA);
    const sides = `${rowA === -1 ? '' : 'A'}${rowB === -1 ? '' : 'B'}`;
    return `${' '.repeat(depth[i] as number)}${name} ${sides}`;
  });
};

describe('aligning', () => {
  it('pairs the same parts in their order and leaves over what only one has', () => {
    const a = trace({
      name: 'root',
      at: [0, 100],
      children: [
        { name: 'x', at: [0, 10] },
        { name: 'gone', at: [12, 20], children: [{ name: 'deep', at: [13, 14] }] },
        { name: 'x', at: [30, 40] },
      ],
    });
    const b = trace({
      name: 'root',
      at: [0, 200],
      children: [
        { name: 'first', at: [0, 1] },
        { name: 'x', at: [2, 90], children: [{ name: 'new', at: [3, 4] }] },
        { name: 'x', at: [91, 95] },
        { name: 'x', at: [96, 99] },
      ],
    });
    expect(names(a, b)).toEqual([
      'root AB',
      ' first B',
      ' x AB',
      '  new B',
      ' gone A',
      '  deep A',
      ' x AB',
      ' x B',
    ]);
  });

  it('tells services and kinds apart, but not two single roots', () => {
    const a = trace({ name: 'r', at: [0, 9], children: [{ name: 'x', service: 'p', at: [1, 2] }] });
    const b = trace({ name: 'q', at: [0, 9], children: [{ name: 'x', service: 'o', at: [1, 2] }] });
    expect(names(a, b)).toEqual(['r AB', ' x B', ' x A']);
  });

  it('has every span of both once, with its parent above, whatever the trees', () => {
    for (let seed = 1; seed <= 25; seed++) {
      const build = (n: number) =>
        skeletonFromJson(
          skeletonOf(assemble(generate({ seed: n, spans: 20 + n * 9, services: 3 }))),
        );
      const [a, b] = [build(seed), build(seed + 1)];
      const result = align(a, b);
      const { count, parent, subtreeSize } = result;
      for (const [side, skeleton] of [
        ['a', a],
        ['b', b],
      ] as const) {
        const rows = [...result[side].subarray(0, count)].filter((row) => row !== -1);
        expect(rows.toSorted((x, y) => x - y)).toEqual(
          Array.from({ length: skeleton.count }, (_, i) => i),
        );
        for (let pair = 0; pair < count; pair++) {
          const row = result[side][pair] as number;
          const up = parent[pair] as number;
          if (row === -1) continue;
          const above = up === -1 ? -1 : (result[side][up] as number);
          expect(skeleton.columns.parentRow[row]).toBe(above);
        }
      }
      const roots = Array.from({ length: count }, (_, i) => i).filter((i) => parent[i] === -1);
      expect(roots.reduce((sum, i) => sum + (subtreeSize[i] as number), 0)).toBe(count);
    }
  });

  it('of a trace with itself leaves nothing over', () => {
    const one = trace({ name: 'r', at: [0, 50], children: [{ name: 'x', at: [0, 9] }] });
    const comparison = new Comparison(one, one, false);
    expect(comparison.counts).toEqual({ paired: 2, onlyA: 0, onlyB: 0 });
    expect(comparison.ranked).toEqual([]);
    expect([...comparison.state]).toEqual([ALIKE, ALIKE]);
  });
});

const slow = () => ({
  a: trace({
    name: 'root',
    at: [0, 100],
    children: [
      { name: 'query', service: 'db', at: [10, 20] },
      { name: 'cache', at: [30, 32], children: [{ name: 'get', at: [31, 32] }] },
      { name: 'cache', at: [34, 36] },
    ],
  }),
  b: trace({
    name: 'root',
    at: [0, 300],
    children: [
      { name: 'query', service: 'db', at: [10, 210] },
      { name: 'cache', at: [230, 232], children: [{ name: 'get', at: [231, 232] }] },
      { name: 'cache', at: [234, 236] },
      { name: 'retry', at: [240, 260], children: [{ name: 'wait', at: [241, 259] }] },
    ],
  }),
});

describe('what differs', () => {
  it('is ranked by the time spent itself, with how often', () => {
    const { a, b } = slow();
    const comparison = new Comparison(a, b, false);
    const short = comparison.ranked.map(({ name, countA, countB, selfA, selfB }) => [
      name,
      countA,
      countB,
      (selfB - selfA) / 1e6,
    ]);
    // The root: 100 − 10 − 2 − 2 = 86 of its own in A, 300 − 200 − 2 − 2 − 20 = 76 in B.
    expect(short).toEqual([
      ['query', 1, 1, 190],
      ['wait', 0, 1, 18],
      ['root', 1, 1, -10],
      ['retry', 0, 1, 2],
    ]);
    expect(comparison.counts).toEqual({ paired: 5, onlyA: 0, onlyB: 2 });
    expect(comparison.onlyB).toMatchObject([{ name: 'retry', count: 1, spans: 2, duration: 20e6 }]);
    expect([...comparison.state]).toEqual([
      DIFFERENT,
      DIFFERENT,
      ALIKE,
      ALIKE,
      ALIKE,
      ONLY_B,
      ONLY_B,
    ]);
    expect(new Comparison(b, a, false).onlyA).toMatchObject([{ name: 'retry', spans: 2 }]);
    expect(new Comparison(b, a, false).state).toContain(ONLY_A);
  });

  it('lies at the start of the trace, or of the parent', () => {
    const a = trace({
      name: 'r',
      at: [0, 100],
      children: [{ name: 'x', at: [10, 60], children: [{ name: 'y', at: [20, 30] }] }],
    });
    const b = trace({
      name: 'r',
      at: [0, 100],
      children: [{ name: 'x', at: [40, 90], children: [{ name: 'y', at: [70, 80] }] }],
    });
    const atStart = new Comparison(a, b, false);
    expect([...atStart.startA].map((ns) => ns / 1e6)).toEqual([0, 10, 20]);
    expect([...atStart.startB].map((ns) => ns / 1e6)).toEqual([0, 40, 70]);
    const atParent = new Comparison(a, b, true);
    // y starts 10 after its parent in A and 30 after it in B; the parent lies at 10.
    expect([...atParent.startA].map((ns) => ns / 1e6)).toEqual([0, 10, 20]);
    expect([...atParent.startB].map((ns) => ns / 1e6)).toEqual([0, 40, 40]);
  });
});

describe('folding', () => {
  const none = new Set<number>();
  const { a, b } = slow();
  const comparison = new Comparison(a, b, false);

  it('joins alike siblings and lone subtrees, and opens them', () => {
    const rows = visibleRows(comparison, { fold: true, opened: none, shut: none });
    expect(
      rows.map(({ pair, pairs, siblings, folded }) => [pair, pairs, siblings, folded]),
    ).toEqual([
      [0, 1, 1, false],
      [1, 1, 1, false],
      [2, 3, 2, true],
      [5, 2, 1, true],
    ]);
    const opened = visibleRows(comparison, { fold: true, opened: new Set([2]), shut: none });
    expect(opened.map(({ pair }) => pair)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(placeOf(rows, 4)).toBe(2);
    expect(placeOf(rows, 6)).toBe(3);
  });

  it('can be switched off, and rows can be shut', () => {
    const all = visibleRows(comparison, { fold: false, opened: none, shut: none });
    expect(all.map(({ pair }) => pair)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const shut = visibleRows(comparison, { fold: false, opened: none, shut: new Set([0]) });
    expect(shut).toEqual([{ pair: 0, pairs: 1, siblings: 1, folded: false, shut: true }]);
  });
});
