import { describe, expect, test } from 'vitest';

import { randomOf } from '../mock/generate';
import type { MockSpan } from '../mock/model';
import { FOLD_MIN, Folds, quantile } from '../src/trace/folds';
import type { Skeleton } from '../src/trace/skeleton';
import { TraceStore } from '../src/trace/store';
import { applySearch, searchOf } from '../src/trace/storeUrl';
import { VisibleRows } from '../src/trace/visible';
import { node, skeletonFrom } from './trees';

const select = { service: 'db', name: 'SELECT' };
const read = { service: 'disk', name: 'read' };

//  1 ─┬ 2..5 SELECT, each with a read below it (4 has an error, 3 two reads)
//     ├ 7 render
//     └ 8, 9 SELECT
const spans = (): MockSpan[] => [
  node(1, null, 1000, 2000, { service: 'web', name: 'GET' }),
  node(2, 1, 1010, 1020, select),
  node(3, 1, 1030, 1070, select),
  node(6, 3, 1040, 1050, read),
  node(10, 3, 1055, 1060, read),
  node(11, 2, 1011, 1012, read),
  node(12, 4, 1101, 1102, read),
  node(13, 5, 1131, 1132, read),
  node(4, 1, 1100, 1120, { ...select, status: 2 }),
  node(5, 1, 1130, 1160, select),
  node(7, 1, 1200, 1300, { service: 'web', name: 'render' }),
  node(8, 1, 1400, 1410, select),
  node(9, 1, 1420, 1430, select),
];

function folds(skeleton: Skeleton): Folds {
  const made = new Folds(skeleton);
  made.rebuild();
  return made;
}

describe('runs', () => {
  test('are found, with their figures', () => {
    const found = folds(skeletonFrom(spans()));
    expect(found.count).toBe(1);
    // Rows: 1 | 2 11 | 3 6 10 | 4 12 | 5 13 | 7 8 9
    expect(Array.from({ length: 11 }, (_, row) => found.headOf(row))).toEqual([
      -1, 1, -1, 1, -1, -1, 1, -1, 1, -1, -1,
    ]);
    expect(found.members(1)).toEqual([1, 3, 6, 8]);
    expect(found.end(1)).toBe(10);
    expect(found.statsOf(1)).toEqual({
      count: 4,
      spans: 9,
      errors: 1,
      from: 10,
      to: 160,
      median: 20,
      p95: 40,
      max: 40,
      sum: 100,
    });
  });

  test.each([
    ['one fewer', FOLD_MIN - 1, 0],
    ['just enough', FOLD_MIN, 1],
  ])('%s', (_, count, runs) => {
    const children = Array.from({ length: count }, (_unused, i) =>
      node(i + 2, 1, 1001 + i, 1002 + i, select),
    );
    expect(folds(skeletonFrom([node(1, null, 1000, 2000), ...children])).count).toBe(runs);
  });

  test('do not reach over another parent, kind, name or service', () => {
    const mixed = Array.from({ length: 12 }, (_, i) =>
      node(i + 2, 1, 1001 + i, 1002 + i, { ...select, kind: i % 2 }),
    );
    expect(folds(skeletonFrom([node(1, null, 1000, 2000), ...mixed])).count).toBe(0);
    const calls = Array.from({ length: 6 }, (_, i) => [
      node(i + 2, 1, 1001 + 9 * i, 1009 + 9 * i, { service: 'web', name: 'HTTP POST' }),
      node(i + 50, i + 2, 1002 + 9 * i, 1003 + 9 * i, { service: i % 2 ? 'cart' : 'pay' }),
    ]);
    expect(folds(skeletonFrom([node(1, null, 1000, 2000), ...calls.flat()])).count).toBe(0);
    const roots = Array.from({ length: 5 }, (_, i) => node(i + 1, null, 1001 + i, 1002, select));
    expect(folds(skeletonFrom(roots)).count).toBe(1);
  });

  test('quantiles by nearest rank', () => {
    const values = Float64Array.of(1, 2, 3, 4);
    expect([0, 0.25, 0.5, 0.51, 0.95, 1].map((share) => quantile(values, share))).toEqual([
      1, 1, 2, 3, 4, 4,
    ]);
    expect(quantile(new Float64Array(0), 0.5)).toBe(0);
  });
});

describe('folded rows', () => {
  const names = (store: TraceStore): string[] =>
    Array.from({ length: store.visible.count }, (_, i) =>
      String(parseInt(store.skeleton.spanIdHex(store.visible.at(i)), 16)),
    );

  test('stand for their run until they are opened', () => {
    const store = new TraceStore(skeletonFrom(spans()));
    expect(names(store)).toEqual(['1', '2', '7', '8', '9']);
    store.setCursor(1);
    store.openOrChild();
    expect(names(store)).toEqual('1 2 11 3 6 10 4 12 5 13 7 8 9'.split(' '));
    store.setCursor(8);
    store.closeOrParent();
    expect(store.visible.isCollapsed(8)).toBe(true);
    store.closeOrParent();
    expect(names(store)).toEqual(['1', '2', '7', '8', '9']);
    expect(store.cursor).toBe(1);
    store.closeOrParent();
    expect(store.cursor).toBe(0);
  });

  test('siblings are walked over them; what is inside is shown when it is gone to', () => {
    const store = new TraceStore(skeletonFrom(spans()));
    store.setCursor(1);
    store.moveToSibling(1);
    expect(store.cursor).toBe(10);
    store.moveToSibling(-1);
    expect(store.cursor).toBe(1);
    expect(store.visible.count).toBe(5);
    store.moveToError(1);
    expect(store.cursor).toBe(6);
    expect(store.visible.count).toBe(13);
  });

  test('the first span of a run is shown by the row of the run', () => {
    const store = new TraceStore(skeletonFrom(spans()));
    store.setCursor(1);
    expect(store.visible.count).toBe(5);
    store.setCursor(3);
    expect(store.visible.count).toBe(13);
  });

  test('state goes into the address and back', () => {
    const store = new TraceStore(skeletonFrom(spans()));
    store.setFolding(false);
    store.setCritical(false);
    store.setHidden(['db', 'disk']);
    expect(searchOf(store)).toEqual({ fold: '0', cp: '0', hide: 'db,disk' });
    const other = new TraceStore(skeletonFrom(spans()));
    applySearch(other, searchOf(store));
    expect(searchOf(other)).toEqual(searchOf(store));
    applySearch(other, {});
    expect(searchOf(other)).toEqual({});
  });

  test('a comma in the name of a service is kept', () => {
    const odd = 'a,b%2C';
    const store = new TraceStore(
      skeletonFrom([node(1, null, 1, 9, { service: odd }), node(2, 1, 2, 3, { service: 'c' })]),
    );
    applySearch(store, { hide: encodeURIComponent(odd) });
    expect(store.hiddenNames()).toEqual([odd]);
    applySearch(store, { hide: '%E0%A4%A' });
    expect(store.hiddenNames()).toEqual([]);
  });
});

describe('services that are switched off', () => {
  test('go, but stay where something below them is shown', () => {
    const store = new TraceStore(skeletonFrom(spans()));
    store.setFolding(false);
    store.setHidden(['db']);
    const { visible, skeleton } = store;
    const shown = Array.from(visible.rows.subarray(0, visible.count), (row) =>
      parseInt(skeleton.spanIdHex(row), 16),
    );
    // Spans of the service keep the place of what is below them.
    expect(shown).toEqual([1, 2, 11, 3, 6, 10, 4, 12, 5, 13, 7]);
    expect([0, 1, 2].map((row) => visible.isContext(row))).toEqual([false, true, false]);
    expect(visible.leftOut).toBe(2);
  });

  test('not all can be off', () => {
    const store = new TraceStore(skeletonFrom(spans()));
    store.setHidden(['db', 'web', 'disk']);
    expect(store.visible.count).toBe(5);
    expect(store.hiddenNames()).toEqual([]);
  });

  test('going to a span switches its service on', () => {
    const store = new TraceStore(skeletonFrom(spans()));
    store.setHidden(['db', 'disk']);
    store.moveToError(1);
    expect(store.hiddenNames()).toEqual(['disk']);
    expect(store.visible.positionOf(6)).toBeGreaterThan(0);
  });
});

test('shown rows are those that nothing hides, whatever is collapsed, folded or switched off', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = randomOf(seed);
    const draw = (n: number): number => Math.floor(random() * n);
    const many = Array.from({ length: 70 }, (_, i) =>
      node(i + 1, i === 0 ? null : 1 + draw(Math.min(i, 12)), 1000 + i, 1001 + i, {
        service: `s${draw(2)}`,
        name: `n${draw(2)}`,
      }),
    );
    const skeleton = skeletonFrom(many);
    const visible = new VisibleRows(skeleton);
    visible.setFolding(true);
    const { parentRow, service } = skeleton.columns;
    for (let step = 0; step < 20; step++) {
      const row = draw(skeleton.count);
      const kind = draw(4);
      if (kind === 0) visible.setCollapsed(row, random() < 0.5);
      else if (kind === 1) visible.setFolded(visible.folds.headOf(row), random() < 0.5);
      else if (kind === 2)
        visible.setHidden(random() < 0.5 ? Uint8Array.of(draw(2), 0) : undefined);
      else visible.reveal(row);
      const off = (each: number): boolean => visible.hidden?.[service[each] as number] === 1;
      const isKept = (each: number): boolean => {
        for (let below = each; below < skeleton.end(each); below++) if (!off(below)) return true;
        return false;
      };
      const isShown = (each: number): boolean => {
        if (!isKept(each)) return false;
        for (let up = each; up !== -1; up = parentRow[up] as number) {
          if (up !== each && visible.isCollapsed(up)) return false;
          const head = visible.folds.headOf(up);
          // A run whose first span is left out cannot stand for the others.
          const folded = head !== -1 && visible.isFolded(head) && isKept(head);
          if (folded && !(up === each && head === each)) return false;
        }
        return true;
      };
      const expected = Array.from({ length: skeleton.count }, (_, each) => each).filter(isShown);
      expect(Array.from(visible.rows.subarray(0, visible.count))).toEqual(expected);
      expect(kind !== 3 || visible.positionOf(row) >= 0).toBe(true);
    }
  }
});
