import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { AxisView } from '../src/explore/axisView';
import {
  isZoomed,
  limitsOf,
  panned,
  settled,
  SHORTEST_NS,
  unzoomed,
  withAxis,
  zoomed,
  type Span,
} from '../src/explore/zoom';

const S = 1_000_000_000n;
const axis: Span = { start: 100n * S, end: 200n * S };
const wide: Span = { start: 0n, end: 1000n * S };

describe('ranges', () => {
  test('are zoomed around a place, which stays', () => {
    expect(zoomed(axis, 0.5, 0.5, wide)).toEqual({ start: 125n * S, end: 175n * S });
    expect(zoomed(axis, 0.5, 0, wide)).toEqual({ start: 100n * S, end: 150n * S });
    expect(zoomed(axis, 0.5, 1, wide)).toEqual({ start: 150n * S, end: 200n * S });
    expect(zoomed(axis, 2, 0.5, wide)).toEqual({ start: 50n * S, end: 250n * S });
  });

  test('are never longer than their limits, nor shorter than the shortest', () => {
    expect(zoomed(axis, 2, 0.5, axis)).toEqual(axis);
    expect(zoomed(axis, 3, 0.5, { start: 90n * S, end: 1000n * S })).toEqual({
      start: 90n * S,
      end: 390n * S,
    });
    const short = zoomed(axis, 1e-12, 0.5, wide);
    expect(short.end - short.start).toBe(SHORTEST_NS);
    expect(zoomed(short, 0.5, 0.5, wide)).toEqual(short);
    const shorter = { start: 5n, end: 6n };
    expect(zoomed(shorter, 0.5, 0.5, wide)).toEqual(shorter);
  });

  test('are moved, up to their limits', () => {
    expect(panned(axis, -0.25, wide)).toEqual({ start: 75n * S, end: 175n * S });
    expect(panned(axis, -5, wide)).toEqual({ start: 0n, end: 100n * S });
    expect(panned(axis, 50, wide)).toEqual({ start: 900n * S, end: 1000n * S });
  });
});

describe('what was zoomed into', () => {
  const now = 500n * S;

  test('is remembered at the first step and comes back whole', () => {
    const search = { q: 'error', from: 'now-1h', cursor: 'c' };
    const limits = limitsOf(search, axis, now);
    const once = withAxis(search, { start: 120n * S, end: 150n * S }, axis, limits);
    expect(once).toMatchObject({ q: 'error', from: '120000000000', to: '150000000000' });
    expect(once).not.toHaveProperty('cursor');
    expect(isZoomed(once)).toBe(true);
    const twice = withAxis(once, { start: 130n * S, end: 140n * S }, axis, limits);
    expect(unzoomed(twice)).toEqual({ q: 'error', from: 'now-1h' });
    expect(isZoomed(search)).toBe(false);
    expect(unzoomed(search)).toEqual(search);
  });

  test('bounds the axis where its ends are open: all of it again is no zoom', () => {
    const limits = limitsOf({}, axis, now);
    expect(limits).toEqual(axis);
    const zoom = withAxis({}, { start: 120n * S, end: 150n * S }, axis, limits);
    const inside: Span = { start: 120n * S, end: 150n * S };
    expect(limitsOf(zoom, inside, now)).toEqual(axis);
    expect(withAxis(zoom, axis, inside, axis)).toEqual({});
  });

  test('does not bound it where they are closed', () => {
    expect(limitsOf({ from: '1', to: '2' }, axis, now)).toEqual({ start: 0n, end: now });
    expect(limitsOf({ from: '1', to: '2' }, axis, 150n * S).end).toBe(axis.end);
  });

  test('is forgotten when another range is chosen, and kept when anything else is', () => {
    const search = { from: '5', to: '6', around: '~~3~9' };
    expect(settled(search, { ...search, q: 'error' })).toHaveProperty('around');
    expect(settled(search, { ...search, from: 'now-1h' })).not.toHaveProperty('around');
    expect(settled({}, { from: '5', around: '~~3~9' })).toHaveProperty('around');
  });

  test('is nothing when the text is none', () => {
    expect(isZoomed({ around: 'x' })).toBe(false);
    expect(unzoomed({ from: '5', around: '~~~' })).toEqual({});
  });
});

describe('steps', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('are drawn at once and asked for when they rest', () => {
    const [show, draw] = [vi.fn<() => void>(), vi.fn<() => void>()];
    const view = new AxisView();
    view.take({ range: axis, limits: wide, show, reset: undefined });
    const off = view.drawWith(draw);
    view.zoom(0.5);
    view.pan(0.5);
    expect(draw).toHaveBeenLastCalledWith({ start: 150n * S, end: 200n * S });
    expect(show).not.toHaveBeenCalled();
    vi.runAllTimers();
    expect(show.mock.calls).toEqual([[{ start: 150n * S, end: 200n * S }]]);
    off();
    view.zoomOut();
    expect(draw).toHaveBeenCalledTimes(2);
    view.stop();
    vi.runAllTimers();
    expect(show).toHaveBeenCalledTimes(1);
  });

  test('that change nothing ask nothing; reset takes back what rests', () => {
    const [show, reset] = [vi.fn<() => void>(), vi.fn<() => void>()];
    const view = new AxisView();
    view.zoomIn();
    view.take({ range: axis, limits: axis, show, reset });
    view.zoomOut();
    view.later();
    vi.runAllTimers();
    expect(show).not.toHaveBeenCalled();
    view.zoomIn();
    view.reset();
    vi.runAllTimers();
    expect(show).not.toHaveBeenCalled();
    expect(reset).toHaveBeenCalledOnce();
  });
});
