import { describe, expect, test } from 'vitest';

import { formatDuration, parseDuration } from '../src/lib/duration';
import { randomOf } from '../mock/generate';

const plain = (ns: number | bigint): string => formatDuration(ns).replaceAll('\u00a0', ' ');

describe('formatDuration', () => {
  test.each([
    [0, '0'],
    [7, '7 ns'],
    [999, '999 ns'],
    [1_000, '1.00 µs'],
    [12_340, '12.3 µs'],
    [999_499, '999 µs'],
    [999_500, '1.00 ms'],
    [9_995_000, '10.0 ms'],
    [99_949_000, '99.9 ms'],
    [99_950_000, '100 ms'],
    [999_500_000, '1.00 s'],
    [59_949_000_000, '59.9 s'],
    [59_950_000_000, '1 m 00 s'],
    [306_000_000_000, '5 m 06 s'],
    [3_599_600_000_000, '1 h 00 m'],
    [7_500_000_000_000, '2 h 05 m'],
    [86_400_000_000_000, '1 d 00 h'],
    [100_000_000_000_000_000, '1157 d 10 h'],
    [-1_200_000, '\u22121.20 ms'],
  ])('%d ns is %s', (ns, text) => {
    expect(plain(ns)).toBe(text);
    expect(plain(BigInt(ns))).toBe(text);
  });

  test('what is shown is within half a percent of what was meant, below a minute', () => {
    const random = randomOf(1);
    for (let i = 0; i < 2000; i++) {
      const ns = Math.round(10 ** (random() * 10.7));
      const shown = parseDuration(plain(ns).replaceAll(' ', ''));
      expect(shown.ok && Math.abs(Number(shown.ns) - ns) / ns, plain(ns)).toBeLessThanOrEqual(
        0.005,
      );
    }
  });
});

describe('parseDuration', () => {
  test.each([
    ['100ms', 100_000_000n],
    ['1.2s', 1_200_000_000n],
    ['500us', 500_000n],
    ['500 µs', 500_000n],
    ['500μs', 500_000n],
    ['10NS', 10n],
    ['1m30s', 90_000_000_000n],
    ['1h 5m', 3_900_000_000_000n],
    ['.5d', 43_200_000_000_000n],
    ['0.1s', 100_000_000n],
    ['0.000000001s', 1n],
    ['1.000000000999s', 1_000_000_000n],
  ])('%s', (text, ns) => expect(parseDuration(text)).toEqual({ ok: true, ns }));

  test.each([
    ['', /Expected a duration/],
    ['250', /unit after 250, such as 250ms/],
    ['5 parsecs', /parsecs/],
    ['ms', /number and a unit/],
    ['-5ms', /number and a unit/],
    ['1e3ms', /“e”/],
    ['400000d', /292 years/],
  ])('%s is refused', (text, message) => {
    const parsed = parseDuration(text);
    expect(parsed.ok).toBe(false);
    expect(!parsed.ok && parsed.message).toMatch(message);
  });
});
