import { beforeEach, describe, expect, test, vi } from 'vitest';

import { TraceStore } from '../src/trace/store';
import { applySearch, searchOf } from '../src/trace/storeUrl';
import { generated, node, skeletonFrom } from './trees';

//  1 ─┬ 2 ─┬ 3
//     │    └ 4 (error)
//     ├ 5 ── 6
//     └ 7 (error)
const spans = () => [
  node(1, null, 1000, 2000),
  node(2, 1, 1010, 1400),
  node(3, 2, 1020, 1100),
  node(4, 2, 1200, 1300, { status: 2 }),
  node(5, 1, 1500, 1600),
  node(6, 5, 1510, 1590),
  node(7, 1, 1700, 1800, { status: 2 }),
];

let store: TraceStore;
const at = (): string => (store.cursor === -1 ? 'none' : store.skeleton.spanName(store.cursor));
const after = (...steps: (() => void)[]): string[] =>
  steps.map((step) => {
    step();
    return at();
  });

beforeEach(() => {
  store = new TraceStore(skeletonFrom(spans()));
});

describe('the tree by keys', () => {
  test('first move lands on the first row, then by rows', () => {
    expect(
      after(
        () => store.move(0),
        () => store.move(1),
        () => store.move(1),
        () => store.move(-5),
        () => store.move(99),
      ),
    ).toEqual(['n1', 'n2', 'n3', 'n1', 'n7']);
  });

  test('left closes, then leads to the parent; right opens, then leads to the child', () => {
    store.setCursor(1);
    const left = () => store.closeOrParent();
    const right = () => store.openOrChild();
    expect(after(left)).toEqual(['n2']);
    expect(store.visible.count).toBe(5);
    expect(after(left, right, right)).toEqual(['n1', 'n2', 'n2']);
    expect(store.visible.count).toBe(7);
    expect(after(right, right)).toEqual(['n3', 'n3']);
  });

  test('siblings, over their subtrees', () => {
    store.setCursor(1);
    const next = () => store.moveToSibling(1);
    const previous = () => store.moveToSibling(-1);
    expect(after(next, next, next, previous, previous, previous)).toEqual([
      'n5',
      'n7',
      'n7',
      'n5',
      'n2',
      'n2',
    ]);
  });

  test('errors go round and are shown even where they are hidden', () => {
    store.collapseAll(true);
    const next = () => store.moveToError(1);
    expect(after(next, next, next, () => store.moveToError(-1))).toEqual(['n4', 'n7', 'n4', 'n7']);
    expect(store.visible.positionOf(3)).toBeGreaterThan(0);
  });

  test('without errors the cursor stays', () => {
    store = new TraceStore(skeletonFrom([node(1, null, 1, 2)]));
    expect(after(() => store.moveToError(1))).toEqual(['none']);
  });

  test('a cursor that is hidden goes to the row that hides it', () => {
    store.setCursor(2);
    store.setCollapsed(1, true);
    expect(at()).toBe('n2');
  });
});

describe('find', () => {
  test('matches go round from the cursor', () => {
    store.setFind('n');
    expect(store.find.matches).toHaveLength(7);
    store.setFind('s1');
    expect(
      after(
        () => store.moveToMatch(1),
        () => store.moveToMatch(1),
        () => store.moveToMatch(1),
        () => store.moveToMatch(1),
        () => store.moveToMatch(-1),
      ),
    ).toEqual(['n1', 'n4', 'n7', 'n1', 'n7']);
    expect(store.find.at).toBe(2);
  });

  test('from a row that is no match to the one before', () => {
    store.setFind('s1');
    store.setCursor(4);
    expect(after(() => store.moveToMatch(-1))).toEqual(['n4']);
  });

  test('nothing found moves nothing', () => {
    store.setFind('absent');
    expect(after(() => store.moveToMatch(1))).toEqual(['none']);
  });
});

describe('state in the URL', () => {
  test('says span, find and range, and is taken up again', () => {
    store.setCursor(3);
    store.setPanel(true);
    store.setFind('s1');
    store.setRange({ from: 100, to: 500 });
    const search = searchOf(store);
    expect(search).toEqual({ span: '0000000000000004', find: 's1', range: '100,500' });
    const other = new TraceStore(skeletonFrom(spans()));
    applySearch(other, search);
    expect(searchOf(other)).toEqual(search);
    expect([other.cursor, other.panelOpen]).toEqual([3, true]);
    applySearch(other, {});
    expect(searchOf(other)).toEqual({});
    expect(other.range).toBe(other.full);
  });

  test('a cursor without the panel is not written', () => {
    store.setCursor(3);
    expect(searchOf(store)).toEqual({});
  });

  test('nonsense is not taken up', () => {
    applySearch(store, { span: 'nope', range: '9,1' });
    expect([store.cursor, store.range]).toEqual([-1, store.full]);
    expect(store.wanted).toBe('nope');
    expect(searchOf(store)).toEqual({ span: 'nope' });
  });

  test('a span that has not come in is chosen when it does', () => {
    const whole = generated(11, 300);
    const wanted = whole.reference(250);
    const part = Object.assign(Object.create(Object.getPrototypeOf(whole)), whole, { count: 100 });
    store = new TraceStore(part);
    applySearch(store, { span: wanted });
    expect([store.cursor, store.panelOpen, searchOf(store).span]).toEqual([-1, true, wanted]);
    part.count = 300;
    store.rowsChanged(true);
    expect([store.cursor, store.wanted]).toEqual([250, undefined]);
  });
});

test('listeners hear of what they asked for, until they leave', () => {
  const heard = vi.fn<() => void>();
  const off = store.on(['range', 'cursor'], heard);
  store.setFind('x');
  expect(heard).not.toHaveBeenCalled();
  store.zoom(0.5);
  store.setCursor(1);
  expect(heard).toHaveBeenCalledTimes(2);
  off();
  store.zoom(0.5);
  expect(heard).toHaveBeenCalledTimes(2);
});

test('zooming goes around the cursor’s span, and out again to the whole', () => {
  store.setCursor(6);
  store.zoom(0.5);
  const { from, to } = store.range;
  expect(to - from).toBeCloseTo(500);
  expect(from).toBeLessThan(700);
  expect(to).toBeGreaterThan(800);
  store.zoom(10);
  expect(store.range).toBe(store.full);
  store.fitCursor();
  expect(store.range.to - store.range.from).toBeCloseTo(110);
});
