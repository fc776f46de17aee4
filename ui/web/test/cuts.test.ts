import { describe, expect, test } from 'vitest';

import { AXIS_PAD, ticksOf, TimeAxis } from '../src/trace/axis';
import { Cuts, cutsOf, CUTS_MAX, idleStretches, UNCUT } from '../src/trace/cuts';
import type { TimeRange } from '../src/trace/layout';
import { TraceStore } from '../src/trace/store';
import { applySearch, searchOf } from '../src/trace/storeUrl';
import { Timeline } from '../src/trace/timeline';
import { generated, node as nodeAt, skeletonFrom } from './trees';

const MS = 1_000_000;
/** Not the epoch: what starts there has no start. */
const BASE = 1_000_000 * MS;
const node = (id: number, parent: number | null, from: number, to: number) =>
  nodeAt(id, parent, BASE + from, BASE + to);
const fullOf = (skeleton: ReturnType<typeof skeletonFrom>): TimeRange => ({
  from: 0,
  to: Number(skeleton.head.duration_ns),
});

//  root  ├──────────────────────────────────────────────────┤ 0 to 1000 ms, waits
//  a     ▇▇▇ 0 to 20
//  b                              ▇▇▇ 500 to 530
//  c                                                    ▇▇▇▇ 980 to 1000
const waiting = () =>
  skeletonFrom([
    node(1, null, 0, 1000 * MS),
    node(2, 1, 0, 20 * MS),
    node(3, 1, 500 * MS, 530 * MS),
    node(4, 1, 980 * MS, 1000 * MS),
  ]);
const GAPS = [
  { from: 20 * MS, to: 500 * MS },
  { from: 530 * MS, to: 980 * MS },
];

describe('idle stretches', () => {
  test('are those in which only spans that wait are open', () => {
    expect(idleStretches(waiting(), fullOf(waiting()))).toEqual(GAPS);
    expect(cutsOf(waiting(), fullOf(waiting()))).toEqual(GAPS);
  });

  test('end where a span begins or ends that waits', () => {
    const skeleton = skeletonFrom([
      node(1, null, 0, 1000 * MS),
      node(2, 1, 0, 300 * MS),
      node(3, 2, 0, 10 * MS),
      node(4, 1, 990 * MS, 1000 * MS),
    ]);
    expect(idleStretches(skeleton, fullOf(skeleton))).toEqual([
      { from: 10 * MS, to: 300 * MS },
      { from: 300 * MS, to: 990 * MS },
    ]);
  });

  test('are none while a leaf runs, however long', () => {
    const skeleton = skeletonFrom([
      node(1, null, 0, 1000 * MS),
      node(2, 1, 0, 10 * MS),
      node(3, 1, 5 * MS, 1000 * MS),
    ]);
    expect(idleStretches(skeleton, fullOf(skeleton))).toEqual([]);
  });

  test.each([1, 2, 3, 4, 5])('agree with looking at every instant, seed %i', (seed) => {
    const skeleton = generated(seed, 60);
    const full = fullOf(skeleton);
    const { start, duration } = skeleton.columns;
    for (const { from, to } of idleStretches(skeleton, full)) {
      expect(to).toBeGreaterThan(from);
      for (let row = 0; row < skeleton.count; row++) {
        const begin = start[row] as number;
        const end = begin + Math.max(0, duration[row] as number);
        for (const t of [begin, end]) expect(t > from && t < to).toBe(false);
        const isLeaf = skeleton.childCount[row] === 0;
        expect(isLeaf && begin < to && end > from).toBe(false);
      }
    }
  });

  test('are cut longest first, while they are a good part of what is left, and not too many', () => {
    // Bursts of a millisecond, a second apart: of each second nearly all is idle.
    const bursts = (count: number) =>
      skeletonFrom([
        node(1, null, 0, count * 1000 * MS),
        ...Array.from({ length: count }, (_, i) =>
          node(2 + i, 1, i * 1000 * MS, (i * 1000 + 1) * MS),
        ),
      ]);
    const few = bursts(10);
    expect(cutsOf(few, fullOf(few))).toHaveLength(10);
    const many = bursts(200);
    expect(cutsOf(many, fullOf(many)).length).toBeLessThanOrEqual(CUTS_MAX);
  });
});

describe('time without them', () => {
  const cuts = new Cuts(GAPS);

  test('goes on after a cut as if it was not there', () => {
    expect(
      [0, 20, 100, 500, 510, 530, 700, 980, 1000].map((t) => cuts.active(t * MS) / MS),
    ).toEqual([0, 20, 20, 20, 30, 50, 50, 50, 70]);
    expect(cuts.total).toBe(930 * MS);
    expect([10, 20, 260, 500, 510, 980].map((t) => cuts.passed(t * MS))).toEqual([
      0, 0, 0.5, 1, 1, 2,
    ]);
  });

  test('leads back to the side of the cut that is asked for', () => {
    expect([10, 20, 30, 50, 60].map((t) => cuts.real(t * MS, 'start') / MS)).toEqual([
      10, 20, 510, 530, 990,
    ]);
    expect([10, 20, 30, 50, 60].map((t) => cuts.real(t * MS, 'end') / MS)).toEqual([
      10, 500, 510, 980, 990,
    ]);
  });

  test('is zoomed and moved; cuts are crossed in one step', () => {
    const timeline = new Timeline({ from: 0, to: 1000 * MS });
    timeline.cuts = cuts;
    timeline.zoom(0.5, 510 * MS);
    // 35 of 70 ms, around the place of 30: 15 to 50.
    expect(timeline.range).toEqual({ from: 15 * MS, to: 530 * MS });
    timeline.pan(1);
    expect(timeline.range).toEqual({ from: 515 * MS, to: 1000 * MS });
    timeline.moveTo(timeline.range, 5 * MS);
    expect(timeline.range).toEqual({ from: 5 * MS, to: 520 * MS });
    expect(timeline.along(15 * MS, 0.1) / MS).toBeCloseTo(502, 6);
    expect(timeline.along(502 * MS, -0.1) / MS).toBeCloseTo(15, 6);
    timeline.zoom(100, 0);
    expect(timeline.range).toBe(timeline.full);
  });
});

describe('an axis with cuts', () => {
  const full = { from: 0, to: 1000 * MS };
  const width = 1000 + AXIS_PAD.left + AXIS_PAD.right;
  const axis = new TimeAxis(full, width, new Cuts(GAPS), 30);

  test('gives each the same room and the rest to what happens', () => {
    expect(axis.x(0)).toBeCloseTo(AXIS_PAD.left);
    expect(axis.x(full.to)).toBeCloseTo(AXIS_PAD.left + 1000);
    for (const { left, right } of axis.places()) expect(right - left).toBeCloseTo(30);
    // 940 px for 70 ms.
    expect(axis.x(20 * MS) - axis.x(0)).toBeCloseTo((20 / 70) * 940);
  });

  test('tells the instant of every place, there and beyond its ends', () => {
    let before = Number.NEGATIVE_INFINITY;
    for (let t = -50 * MS; t <= 1100 * MS; t += 7 * MS) {
      const x = axis.x(t);
      expect(x).toBeGreaterThan(before);
      before = x;
      expect(axis.t(x) / MS).toBeCloseTo(t / MS, 4);
    }
  });

  test('shows a part, with only its own cuts', () => {
    const part = new TimeAxis({ from: 505 * MS, to: 990 * MS }, width, new Cuts(GAPS), 30);
    expect(part.places()).toHaveLength(1);
    expect(part.x(505 * MS)).toBeCloseTo(AXIS_PAD.left);
    expect(part.x(990 * MS)).toBeCloseTo(AXIS_PAD.left + 1000);
    for (const t of [400, 505, 520, 700, 985, 1000])
      expect(part.t(part.x(t * MS)) / MS).toBeCloseTo(t, 4);
  });

  test('inside a cut nothing is cut', () => {
    const inside = new TimeAxis({ from: 100 * MS, to: 200 * MS }, width, new Cuts(GAPS), 30);
    expect(inside.places()).toEqual([]);
    expect(inside.t(inside.x(150 * MS)) / MS).toBeCloseTo(150);
  });

  test('has a tick where time goes on, and none inside of a cut', () => {
    const { at } = ticksOf(axis, 96);
    expect(at).toContain(500 * MS);
    expect(at).toContain(980 * MS);
    for (const t of at) expect(GAPS.some(({ from, to }) => t > from && t < to)).toBe(false);
    expect(at).toEqual(at.toSorted((a, b) => a - b));
    // A cut of a day between two milliseconds: no day full of ticks.
    const day = 86_400_000 * MS;
    const long = new TimeAxis(
      { from: 0, to: day },
      width,
      new Cuts([{ from: MS, to: day - MS }]),
      30,
    );
    expect(ticksOf(long, 96).at.length).toBeLessThan(20);
  });

  test('without cuts is a line', () => {
    const line = new TimeAxis(full, width);
    expect(line.cuts).toBe(UNCUT);
    expect(line.x(500 * MS)).toBeCloseTo(AXIS_PAD.left + 500);
    expect(line.t(AXIS_PAD.left + 250) / MS).toBeCloseTo(250);
  });
});

describe('the trace on the page', () => {
  test('is cut when asked for, once all rows are here, and says so in its address', () => {
    const store = new TraceStore(waiting());
    applySearch(store, { gaps: '1' });
    expect(store.time.cuts).toBe(UNCUT);
    store.rowsChanged(true);
    expect(store.time.cuts.stretches).toEqual(GAPS);
    expect(searchOf(store)).toEqual({ gaps: '1' });
    store.setCutIdle(false);
    expect(store.time.cuts).toBe(UNCUT);
    expect(searchOf(store)).toEqual({});
  });

  test('offers it only where it is worth it', () => {
    const busy = new TraceStore(
      skeletonFrom([
        node(1, null, 0, 1000 * MS),
        node(2, 1, 0, 700 * MS),
        node(3, 1, 999 * MS, 1000 * MS),
      ]),
    );
    busy.rowsChanged(true);
    expect(busy.idleCuts()).toBe(UNCUT);
  });
});
