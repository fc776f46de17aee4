import { describe, expect, test } from 'vitest';

import type { MockSpan } from '../mock/model';
import type { TraceHead } from '../src/api/types';
import { mayGrow, pauseMs } from '../src/trace/growth';
import { TraceStore } from '../src/trace/store';
import { searchOf } from '../src/trace/storeUrl';
import { node, skeletonFrom } from './trees';

const S = 1_000_000_000n;

describe('a trace may grow', () => {
  const ended = 1_700_000_000n * S;
  const head = (more: Partial<TraceHead> = {}) =>
    ({
      start_time_unix_nano: ended - 5n * S,
      duration_ns: 5n * S,
      orphan_count: 0,
      truncated_span_count: 0,
      ...more,
    }) as TraceHead;

  test('for a minute after its newest span, longer while parents are missing', () => {
    expect(mayGrow(head(), ended + 60n * S - 1n)).toBe(true);
    expect(mayGrow(head(), ended + 60n * S)).toBe(false);
    expect(mayGrow(head({ orphan_count: 1 }), ended + 900n * S - 1n)).toBe(true);
    expect(mayGrow(head({ orphan_count: 1 }), ended + 900n * S)).toBe(false);
  });

  test('not when it lies in the future, nor when it is cut anyway', () => {
    expect(mayGrow(head(), ended - 120n * S)).toBe(true);
    expect(mayGrow(head(), ended - 120n * S - 1n)).toBe(false);
    expect(mayGrow(head({ truncated_span_count: 1 }), ended)).toBe(false);
  });

  test('is looked at less and less often, and seldom when that is work', () => {
    expect([0, 1, 2].map((idle) => Math.round(pauseMs(idle, 0)))).toEqual([2000, 3200, 5120]);
    expect(pauseMs(50, 0)).toBe(60_000);
    expect(pauseMs(0, 4000)).toBe(80_000);
  });
});

describe('a store of a trace that grew', () => {
  const leaf = (id: number, more: Partial<MockSpan> = {}) =>
    node(id, 2, id * 1000, id * 1000 + 500, { name: `leaf ${id}`, service: 'a', ...more });
  const early = () => [leaf(10), leaf(11), leaf(12, { service: 'b' })];
  const late = () => [
    ...early(),
    node(1, null, 2000, 90_000, { name: 'root', service: 'r' }),
    node(2, 1, 3000, 80_000, { name: 'middle', service: 'b' }),
    leaf(9),
    node(20, 11, 11_100, 11_200, { name: 'below', service: 'a' }),
  ];
  const nameAt = (store: TraceStore, row: number) => store.skeleton.spanName(row);
  const shown = (store: TraceStore) =>
    Array.from({ length: store.visible.count }, (_, i) => nameAt(store, store.visible.at(i)));

  test('keeps cursor, range, find and services that are off, by what they were of', () => {
    const store = new TraceStore(skeletonFrom(early()));
    store.rowsChanged(true);
    store.setCursor(1);
    store.setPanel(true);
    store.setFind('leaf');
    store.moveToMatch(1);
    store.setHidden(['b']);
    // From 11,000 to 12,000 ns.
    store.setRange({ from: 1000, to: 2000 });
    expect(searchOf(store)).toMatchObject({ hide: 'b', range: '1000,2000' });
    const span = searchOf(store).span;

    store.grow(skeletonFrom(late()));
    expect(nameAt(store, store.cursor)).toBe('leaf 11');
    expect(searchOf(store)).toMatchObject({ hide: 'b', range: '9000,10000', span });
    expect([...store.find.matches].map((row) => nameAt(store, row))).toEqual([
      'leaf 10',
      'leaf 11',
      'leaf 12',
    ]);
    expect(nameAt(store, store.find.matches[store.find.at] as number)).toBe('leaf 11');
    expect(shown(store)).toEqual(['root', 'middle', 'leaf 9', 'leaf 10', 'leaf 11', 'below']);
    expect(store.full.to).toBe(88_000);
    expect(store.revision).toBe(1);
  });

  test('keeps what is collapsed, and shows the whole of it when the whole was shown', () => {
    const store = new TraceStore(skeletonFrom(late()));
    store.rowsChanged(true);
    store.setCollapsed(
      Array.from({ length: 7 }, (_, row) => row).find((row) => nameAt(store, row) === 'leaf 11') ??
        -1,
      true,
    );
    expect(shown(store)).not.toContain('below');
    const next = [...late(), leaf(8), node(30, 1, 95_000, 99_000, { name: 'last' })];
    store.grow(skeletonFrom(next));
    expect(shown(store)).not.toContain('below');
    expect(shown(store)).toContain('leaf 8');
    expect(store.range).toBe(store.full);
    expect(store.full.to).toBe(97_000);
  });

  test('lets go of a span that is not there any more', () => {
    const store = new TraceStore(skeletonFrom(late()));
    store.rowsChanged(true);
    store.setCursor(0);
    store.grow(skeletonFrom(early()));
    expect(store.cursor).toBe(-1);
  });
});
