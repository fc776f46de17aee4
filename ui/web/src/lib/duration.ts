// Durations: nanoseconds to text a person reads, and text a person types to nanoseconds.

const NBSP = '\u00a0';
const MINUS = '\u2212';

const NS_PER: Record<string, bigint> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n, // micro sign
  μs: 1_000n, // Greek mu
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
};

/** Three significant digits of a number in [0.1, 1000). */
function threeDigits(value: number): string {
  if (value < 9.995) return value.toFixed(2);
  if (value < 99.95) return value.toFixed(1);
  return value.toFixed(0);
}

function clockPair(total: number, size: number, big: string, small: string): string {
  const rest = String(total % size).padStart(2, '0');
  return `${Math.floor(total / size)}${NBSP}${big}${NBSP}${rest}${NBSP}${small}`;
}

/** A duration in nanoseconds with three significant digits and its unit: `12.9 ms`, `5 m 06 s`. */
export function formatDuration(ns: number | bigint): string {
  const value = Number(ns);
  if (value < 0) return MINUS + formatDuration(-value);
  if (value === 0) return '0';
  if (value < 1e3) return `${value.toFixed(0)}${NBSP}ns`;
  if (value < 999.5e3) return `${threeDigits(value / 1e3)}${NBSP}µs`;
  if (value < 999.5e6) return `${threeDigits(value / 1e6)}${NBSP}ms`;
  if (value < 59.95e9) return `${threeDigits(value / 1e9)}${NBSP}s`;
  const seconds = Math.round(value / 1e9);
  if (seconds < 3600) return clockPair(seconds, 60, 'm', 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return clockPair(minutes, 60, 'h', 'm');
  return clockPair(Math.round(minutes / 60), 24, 'd', 'h');
}

/** What a typed duration means, or what is wrong with it. */
export type ParsedDuration = { ok: true; ns: bigint } | { ok: false; message: string };

const PART = /^(\d+(?:\.\d*)?|\.\d+)\s*([a-zµμ]*)\s*/i;

/** Reads `1.2s`, `100ms`, `500us`, `1m 30s`. A number without a unit is refused: it could mean anything. */
export function parseDuration(text: string): ParsedDuration {
  let rest = text.trim();
  if (rest === '') return { ok: false, message: 'Expected a duration, such as 250ms' };
  let total = 0n;
  while (rest !== '') {
    const match = PART.exec(rest);
    if (!match)
      return { ok: false, message: `Expected a number and a unit, such as 250ms, not “${rest}”` };
    const [whole, amount = '', unit = ''] = match;
    if (unit === '') {
      return { ok: false, message: `Expected a unit after ${amount}, such as ${amount}ms` };
    }
    const size = NS_PER[unit.toLowerCase()];
    if (size === undefined) {
      return { ok: false, message: `“${unit}” is no unit of time: use ns, us, ms, s, m, h or d` };
    }
    total += scale(amount, size);
    rest = rest.slice(whole.length);
  }
  if (total >= 1n << 63n) return { ok: false, message: 'Longer than 292 years' };
  return { ok: true, ns: total };
}

/** `amount * size` without losing digits to floating point. */
function scale(amount: string, size: bigint): bigint {
  const [whole = '', fraction = ''] = amount.split('.');
  const digits = fraction.slice(0, 18);
  const unit = 10n ** BigInt(digits.length);
  return BigInt(whole || '0') * size + (BigInt(digits || '0') * size) / unit;
}
