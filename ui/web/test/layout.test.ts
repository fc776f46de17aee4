import { describe, expect, test } from 'vitest';

import { AXIS_PAD, ticksOf, TimeAxis } from '../src/trace/axis';
import {
  clampRange,
  formatPosition,
  formatTick,
  indentFor,
  indentX,
  SCROLL_MAX_PX,
  ScrollSpace,
  tickStep,
  zoomRange,
} from '../src/trace/layout';

describe('ScrollSpace', () => {
  test('below the limit a pixel is a pixel', () => {
    const space = new ScrollSpace(1000, 24, 600);
    expect(space.isScaled).toBe(false);
    expect(space.physicalHeight).toBe(24_000);
    expect(space.toVirtual(1234)).toBe(1234);
    expect(space.toPhysical(1234)).toBe(1234);
    expect(space.maxTop).toBe(23_400);
  });

  test('at the limit and one row above it', () => {
    const rows = SCROLL_MAX_PX / 25;
    expect(new ScrollSpace(rows, 25, 600).isScaled).toBe(false);
    const over = new ScrollSpace(rows + 1, 25, 600);
    expect(over.isScaled).toBe(true);
    expect(over.physicalHeight).toBe(SCROLL_MAX_PX);
  });

  test('a scaled bar reaches the first and the last row, and maps there and back', () => {
    const space = new ScrollSpace(1_000_000, 24, 600);
    expect(space.toVirtual(0)).toBe(0);
    expect(space.toVirtual(SCROLL_MAX_PX - 600)).toBeCloseTo(24_000_000 - 600, 3);
    for (const top of [0, 1, 24, 999_999, 12_345_678, space.maxTop]) {
      expect(space.toVirtual(space.toPhysical(top))).toBeCloseTo(top, 3);
    }
  });

  test('a row is brought into view by the least movement, or to the middle', () => {
    const space = new ScrollSpace(100, 24, 240);
    expect(space.topToShow(5, 0)).toBe(0);
    expect(space.topToShow(10, 0)).toBe((11 + 2) * 24 - 240);
    expect(space.topToShow(20, 30 * 24)).toBe(18 * 24);
    expect(space.topToShow(99, 0)).toBe(space.maxTop);
    expect(space.topToCenter(50)).toBe(50.5 * 24 - 120);
    expect(new ScrollSpace(3, 24, 240).topToShow(2, 0)).toBe(0);
  });

  test('no rows and no room are no trouble', () => {
    const space = new ScrollSpace(0, 24, 0);
    expect([space.maxTop, space.toVirtual(5), space.toPhysical(5)]).toEqual([0, 0, 0]);
  });
});

describe('TimeAxis', () => {
  test('maps there and back, with room at both ends', () => {
    const axis = new TimeAxis({ from: 1000, to: 3000 }, 500);
    expect(axis.x(1000)).toBe(AXIS_PAD.left);
    expect(axis.x(3000)).toBe(500 - AXIS_PAD.right);
    for (const t of [-500, 1000, 1234.5, 9e9]) expect(axis.t(axis.x(t))).toBeCloseTo(t, 3);
  });

  test('ranges stay within the trace and keep a least length', () => {
    const full = { from: 0, to: 1000 };
    expect(clampRange({ from: -100, to: 500 }, full)).toEqual({ from: 0, to: 600 });
    expect(clampRange({ from: 900, to: 1100 }, full)).toEqual({ from: 800, to: 1000 });
    expect(clampRange({ from: 500, to: 500 }, full)).toEqual({ from: 500, to: 510 });
    expect(clampRange({ from: -5, to: 5000 }, full)).toEqual(full);
    expect(zoomRange(full, 0.5, 250, full)).toEqual({ from: 125, to: 625 });
    expect(zoomRange({ from: 100, to: 200 }, 100, 150, full)).toEqual(full);
  });
});

describe('ticks', () => {
  test('steps are numbers that people count in', () => {
    expect([1, 3, 7, 45, 1.2e6, 3e8].map(tickStep)).toEqual([1, 5, 10, 50, 2e6, 5e8]);
    expect([6e9, 16e9, 61e9, 4000e9, 90_000e9].map((ns) => tickStep(ns) / 1e9)).toEqual([
      10, 30, 120, 7200, 172_800,
    ]);
  });

  test('ticks are apart by the gap asked for, and within the axis', () => {
    for (const length of [10, 997, 1e6, 3.7e8, 5e9, 3e11, 4e15]) {
      const axis = new TimeAxis({ from: length / 3, to: length }, 900);
      const { at, step } = ticksOf(axis, 90);
      expect(at.length).toBeGreaterThan(1);
      expect(at.length).toBeLessThanOrEqual(11);
      expect(at[0]).toBeGreaterThanOrEqual(length / 3 - step * 1e-6);
      expect(axis.x(at[1] as number) - axis.x(at[0] as number)).toBeGreaterThanOrEqual(89.9);
    }
  });

  test.each([
    [0, 1e8, 1e9, '0'],
    [2e8, 1e8, 1.3e9, '200 ms'],
    [1.2e9, 1e8, 1.3e9, '1200 ms'],
    [5e8, 5e8, 5e9, '0.5 s'],
    [300.5e9, 1e8, 301e9, '300.5 s'],
    [500e3, 500e3, 5e6, '0.5 ms'],
    [25, 5, 90, '25 ns'],
    [90e9, 30e9, 300e9, '1:30'],
    [3_725e9, 60e9, 8000e9, '1:02:05'],
  ])('%d ns at steps of %d on an axis to %d is %s', (t, step, to, text) => {
    expect(formatTick(t, step, to).replace('\u00a0', ' ')).toBe(text);
  });
});

test.each([
  [0, 1e6, '0'],
  [452.1234e6, 216e3, '452.1 ms'],
  [247.3126e9, 78e3, '247.31260 s'],
  [300.98e9, 4e9, '301 s'],
  [-1.5e6, 1e5, '\u22121500 µs'],
])('the instant %d, exact to %d ns, is %s', (t, resolution, text) => {
  expect(formatPosition(t, resolution).replace('\u00a0', ' ')).toBe(text);
});

test('indents leave room for names, however deep the tree', () => {
  for (const depth of [0, 3, 39, 200, 5000]) {
    const indent = indentFor(depth, 400);
    expect(indentX(depth, indent)).toBeLessThanOrEqual(10 + 400 * 0.45);
    expect(indent.step).toBeGreaterThanOrEqual(5);
  }
  expect(indentX(3, indentFor(3, 400))).toBe(46);
});
