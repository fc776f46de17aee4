import { describe, expect, test } from 'vitest';

import { skeletonArrow, skeletonOf } from '../mock/answers';
import { generate } from '../mock/generate';
import { assemble } from '../mock/model';
import { readArrow, skeletonFromJson } from '../src/trace/loadSkeleton';
import { selfStretches, totalOf } from '../src/trace/selfTime';
import { Skeleton, SkeletonError, type Columns } from '../src/trace/skeleton';
import { TraceStore } from '../src/trace/store';
import { generated, node, skeletonFrom, wild } from './trees';

describe('Skeleton', () => {
  test('any spans make a tree that holds: cycles, orphans, doubled ids', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const spans = wild(seed, 1 + (seed % 40));
      const skeleton = skeletonFrom(spans);
      expect(skeleton.count).toBe(spans.length);
      const roots = Array.from(skeleton.columns.parentRow.subarray(0, skeleton.count)).filter(
        (row) => row === -1,
      );
      expect(skeleton.rootCount).toBe(roots.length);
    }
  });

  const head = skeletonOf(assemble([node(1, null, 1, 5), node(2, 1, 2, 3), node(3, 1, 3, 4)]));
  test.each<[string, Partial<Record<keyof typeof head.columns, number[]>>, RegExp]>([
    ['a parent below its child', { parent_row: [-1, 2, 0] }, /does not stand above/],
    ['a depth that does not follow', { depth: [0, 2, 1] }, /depth 2/],
    ['a subtree larger than its parent’s', { subtree_size: [3, 3, 1] }, /does not fit/],
    ['a subtree of none', { subtree_size: [3, 0, 1] }, /subtree of 0/],
    ['a subtree beyond the end', { subtree_size: [4, 1, 1] }, /beyond the last row/],
    ['a service that is not in the dictionary', { service: [0, 9, 0] }, /dictionary/],
    ['columns of different length', { kind: [1] }, /another length/],
  ])('refuses %s', (_, columns, message) => {
    expect(() =>
      skeletonFromJson({ ...head, columns: { ...head.columns, ...columns } }).finish(),
    ).toThrow(message);
  });

  test('spans are named by id, and by place where an id is shared', () => {
    const skeleton = skeletonFrom([
      node(1, null, 1, 90, { kind: 3 }),
      node(1, null, 5, 80, { kind: 2 }),
      node(2, 1, 10, 20),
    ]);
    expect([0, 1, 2].map((row) => skeleton.reference(row))).toEqual([
      '0000000000000001',
      '0000000000000001.2',
      '0000000000000002',
    ]);
    for (const row of [0, 1, 2]) expect(skeleton.find(skeleton.reference(row))).toBe(row);
    expect(skeleton.find('2')).toBe(2);
    for (const text of ['', '9', '1.3', 'xyz', '0000000000000001.0x'])
      expect(skeleton.find(text)).toBe(-1);
  });

  test('the server half hangs under the client half, and children under the server half', () => {
    const skeleton = skeletonFrom([
      node(2, 1, 10, 20),
      node(1, null, 5, 80, { kind: 2 }),
      node(1, null, 1, 90, { kind: 3 }),
    ]);
    expect(Array.from(skeleton.columns.parentRow)).toEqual([-1, 0, 1]);
    expect(Array.from(skeleton.columns.kind)).toEqual([3, 2, 1]);
  });

  test('a span without a start is known from one that starts early', () => {
    const skeleton = skeletonFrom([
      node(1, null, 5_000_000_000, 6_000_000_000),
      node(2, 1, 0, 0),
      node(3, 1, 4_000_000_000, 5_000_000_000),
    ]);
    const rows = [0, 1, 2]
      .filter((row) => skeleton.hasNoStart(row))
      .map((row) => skeleton.spanName(row));
    expect(rows).toEqual(['n2']);
  });
});

describe('Arrow', () => {
  test('the stream says the same as the JSON, in one batch and in many', async () => {
    const answer = skeletonOf(assemble(generate({ seed: 3, spans: 700 })));
    const expected = skeletonFromJson(answer);
    for (const batchRows of [1000, 100, 1]) {
      const counts: number[] = [];
      const bytes = await skeletonArrow(answer, batchRows);
      const skeleton = await readArrow(new Response(bytes as BodyInit), ({ count }) =>
        counts.push(count),
      );
      skeleton.finish();
      expect(counts).toHaveLength(Math.ceil(700 / batchRows) + 1);
      expect(skeleton.head).toEqual(expected.head);
      for (const name of Object.keys(expected.columns) as (keyof Columns)[]) {
        expect(Array.from(skeleton.columns[name]), name).toEqual(
          Array.from(expected.columns[name]),
        );
      }
    }
  });

  test('a stream of something else is refused', async () => {
    const read = (body: BodyInit) => readArrow(new Response(body), () => {});
    await expect(read('not arrow at all, but long enough to be looked at')).rejects.toThrow(
      /Expected to read|no “clew” metadata|invalid/i,
    );
    const { tableToIPC, tableFromArrays } = await import('apache-arrow');
    const other = tableToIPC(tableFromArrays({ a: Int32Array.of(1) }), 'stream');
    await expect(read(other as BodyInit)).rejects.toThrow(SkeletonError);
  });

  test('times beyond doubles come within a microsecond', async () => {
    const spans = [
      node(1, null, 1, 2, { end: 1n << 62n }),
      node(2, 1, 1, 2, { start: -5n, end: -1n }),
    ];
    const answer = skeletonOf(assemble(spans));
    const bytes = await skeletonArrow(answer);
    const { columns } = await readArrow(new Response(bytes as BodyInit), () => {});
    expect(Math.max(...columns.duration)).toBeCloseTo(2 ** 62, -3);
    expect(columns).toEqual(skeletonFromJson(answer).columns);
  });
});

test('while rows come in, everything works on those that are there', () => {
  const whole = generated(6, 400);
  const skeleton = new Skeleton(whole.head);
  const part = (from: number, to: number): Columns => {
    const { spanId, ...columns } = whole.columns;
    const cut = Object.entries(columns).map(([name, values]) => [name, values.subarray(from, to)]);
    return { ...Object.fromEntries(cut), spanId: spanId.subarray(from * 8, to * 8) } as Columns;
  };
  const store = new TraceStore(skeleton);
  for (let from = 0; from < 400; from += 50) {
    skeleton.append(part(from, from + 50));
    store.rowsChanged(from === 350);
    for (let row = 0; row < skeleton.count; row++)
      expect(skeleton.end(row)).toBeLessThanOrEqual(skeleton.count);
    expect(totalOf(store.selfTimes.of(0))).toBeGreaterThanOrEqual(0);
    store.setCursor(0);
    for (const step of [store.openOrChild, store.closeOrParent]) step.call(store);
    for (const by of [1, -1] as const) store.moveToSibling(by);
    expect(store.cursor).toBeLessThan(skeleton.count);
  }
  expect(Array.from(store.selfTimes.of(0))).toEqual(Array.from(selfStretches(whole, 0)));
});

test('rows may come in batches larger than the head said', () => {
  const whole = generated(4, 50);
  const skeleton = new Skeleton({ ...whole.head, span_count: 1 });
  skeleton.append(whole.columns);
  expect(skeleton.count).toBe(50);
  expect(Array.from(skeleton.ordinal.subarray(0, 50))).toEqual(
    Array.from(whole.ordinal.subarray(0, 50)),
  );
});
