import { describe, expect, test } from 'vitest';

import { formatInstant } from '../src/lib/zone';
import { describeRange, isRelative, pinned, resolveRange } from '../src/lib/range';

const NOW = 1_700_000_000_000_000_000n;
const HOUR = 3_600_000_000_000n;

describe('resolveRange', () => {
  test('open, relative and fixed ends', () => {
    expect(resolveRange({}, NOW, 'utc')).toEqual({ ok: true, range: {} });
    expect(resolveRange({ from: 'now-1h' }, NOW, 'utc')).toEqual({
      ok: true,
      range: { start: NOW - HOUR },
    });
    expect(resolveRange({ from: 'now - 2h', to: 'now' }, NOW, 'utc')).toEqual({
      ok: true,
      range: { start: NOW - 2n * HOUR, end: NOW },
    });
    expect(
      resolveRange({ from: '1600000000000000000', to: '2023-01-01T00:00:00Z' }, NOW, 'utc'),
    ).toEqual({
      ok: true,
      range: { start: 1_600_000_000_000_000_000n, end: 1_672_531_200_000_000_000n },
    });
  });

  test('days by name and times of today, in the zone', () => {
    const at = (text: string, zone: string): string => {
      const resolved = resolveRange({ from: text }, NOW, zone);
      if (!resolved.ok || resolved.range.start === undefined) throw new Error(text);
      return formatInstant(resolved.range.start, zone, 0);
    };
    const today = formatInstant(NOW, 'utc', 0).slice(0, 10);
    expect(at('09:30', 'utc')).toBe(`${today} 09:30:00`);
    expect(at('9:30:15', 'utc')).toBe(`${today} 09:30:15`);
    expect(at('today', 'utc')).toBe(`${today} 00:00:00`);
    const before = new Date(Date.parse(`${today}T12:00Z`) - 86_400_000).toISOString().slice(0, 10);
    expect(at('Yesterday 14:00', 'utc')).toBe(`${before} 14:00:00`);
    expect(at('yesterday', 'utc')).toBe(`${before} 00:00:00`);
    expect(at('09:30', 'Asia/Tokyo')).toMatch(/ 09:30:00$/);
    expect(resolveRange({ from: '25:00' }, NOW, 'utc').ok).toBe(false);
    expect(resolveRange({ from: 'yesterdayish' }, NOW, 'utc').ok).toBe(false);
  });

  test('what is wrong is said', () => {
    expect(resolveRange({ from: 'soon' }, NOW, 'utc')).toMatchObject({
      ok: false,
      message: expect.stringContaining('soon'),
    });
    expect(resolveRange({ from: 'now-1x' }, NOW, 'utc').ok).toBe(false);
    expect(resolveRange({ from: 'now', to: 'now-1h' }, NOW, 'utc')).toMatchObject({
      ok: false,
      message: expect.stringContaining('ends before'),
    });
  });
});

test('a range is described by its preset, its ends and its length', () => {
  expect(describeRange({}, 'utc', NOW)).toEqual({ label: 'All data' });
  expect(describeRange({ from: 'now-3h', to: 'now' }, 'utc', NOW)).toEqual({
    label: 'Last 3 hours',
  });
  expect(describeRange({ from: 'now-90m' }, 'utc', NOW)).toEqual({ label: 'Last 90 minutes' });
  expect(describeRange({ from: 'now-1w', to: 'now' }, 'utc', NOW)).toEqual({
    label: 'Last 1 week',
  });
  expect(describeRange({ from: 'now-1h30m' }, 'utc', NOW).label).toBe('now-1h30m → now');
  expect(describeRange({ from: 'now-2h', to: 'now-1h' }, 'utc', NOW).label).toBe('now-2h → now-1h');
  const fixed = { from: String(NOW - HOUR), to: String(NOW) };
  expect(describeRange(fixed, 'utc', NOW)).toEqual({
    label: '2023-11-14 21:13:20 UTC → 2023-11-14 22:13:20 UTC',
    length: '1\u00a0h\u00a000\u00a0m',
  });
});

test('pinning fixes a relative range and leaves a fixed one', () => {
  expect(isRelative({ from: 'now-1h' })).toBe(true);
  expect(pinned({ from: 'now-1h' }, NOW, 'utc')).toEqual({
    from: String(NOW - HOUR),
    to: String(NOW),
  });
  expect(pinned({ from: '1600000000000000000' }, NOW, 'utc')).toEqual({
    from: '1600000000000000000',
  });
});
