// Axes: round steps for numbers, powers of ten for logarithmic ones, calendar steps for times.

import { instantParts, type Zone } from '../lib/zone';

/** Round values from 0 or `min` up to at least `max`, about `count` steps apart. */
export function niceTicks(min: number, max: number, count: number): number[] {
  const span = max - min;
  if (!(span > 0) || !Number.isFinite(span)) return [min];
  const raw = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? 10 * power;
  const ticks: number[] = [];
  const first = Math.floor(min / step + 1e-9);
  for (let i = first; ticks.length < 50; i++) {
    const tick = Number((i * step).toPrecision(12));
    ticks.push(tick);
    if (tick >= max) break;
  }
  return ticks;
}

/** Powers of ten from at most `min` to at least `max`. */
export function logTicks(min: number, max: number): number[] {
  const from = Math.floor(Math.log10(min) + 1e-9);
  const to = Math.max(from + 1, Math.ceil(Math.log10(max) - 1e-9));
  return Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i));
}

const S = 1000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;

/** Steps of time axes, ms. */
const STEPS = [
  1,
  2,
  5,
  10,
  20,
  50,
  100,
  200,
  500,
  S,
  2 * S,
  5 * S,
  10 * S,
  15 * S,
  30 * S,
  M,
  2 * M,
  5 * M,
  10 * M,
  15 * M,
  30 * M,
  H,
  2 * H,
  3 * H,
  6 * H,
  12 * H,
  D,
  2 * D,
  7 * D,
  14 * D,
  30 * D,
  90 * D,
  365 * D,
];

/** The step for about `count` ticks over `ms`. */
export function timeStep(ms: number, count: number): number {
  return STEPS.find((step) => ms / step <= count) ?? 365 * D * Math.ceil(ms / (365 * D * count));
}

/** Round instants within a range, ms since the epoch, with their labels in `zone`. */
export function timeTicks(
  from: number,
  to: number,
  count: number,
  zone: Zone,
): { at: number; label: string }[] {
  const step = timeStep(to - from, count);
  // Round in the zone, not in UTC: midnight is where its own clock says so.
  const offset = zoneOffset(from, zone);
  const ticks: { at: number; label: string }[] = [];
  for (
    let at = Math.ceil((from + offset) / step) * step - offset;
    at <= to && ticks.length < 40;
    at += step
  )
    ticks.push({ at, label: timeLabel(at, step, zone) });
  return ticks;
}

function zoneOffset(ms: number, zone: Zone): number {
  const { date, time } = instantParts(BigInt(Math.floor(ms)) * 1_000_000n, zone, 0);
  return Date.parse(`${date}T${time}Z`) - Math.floor(ms / 1000) * 1000;
}

function timeLabel(ms: number, step: number, zone: Zone): string {
  const digits = step < S ? 3 : 0;
  const { date, time } = instantParts(BigInt(Math.round(ms)) * 1_000_000n, zone, digits);
  if (step >= D) return date.slice(step >= 365 * D ? 0 : 5);
  return step >= M ? time.slice(0, 5) : time;
}

/** The least bucket that divides `ms` into at most `count`, whole seconds. */
export function bucketSeconds(ms: number, count: number): number {
  return Math.max(1, Math.ceil(timeStep(ms, count) / S));
}

/** A number with few digits: `12`, `1.2 k`, `3.4 M`. */
export function shortNumber(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size < 0.001) return value.toExponential(1);
  if (size < 10) return String(Number(value.toPrecision(3)));
  if (size < 1000) return String(Number(value.toFixed(size < 100 ? 1 : 0)));
  const units = ['k', 'M', 'G', 'T', 'P'];
  let scaled = value / 1000;
  let unit = 0;
  while (Math.abs(scaled) >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${Number(scaled.toPrecision(3))} ${units[unit]}`;
}
