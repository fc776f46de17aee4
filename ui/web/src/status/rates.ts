// Rates from counters that are read again and again: how much was added a second between two readings.

/** A reading of counters at an instant, ms. */
export interface Reading {
  at: number;
  counters: Readonly<Record<string, number>>;
}

/** Readings that are kept: ten minutes of them, at one every two seconds. */
export const READINGS_MAX = 300;

/** `readings` and one more; those that are too old go. */
export function withReading(readings: readonly Reading[], next: Reading): Reading[] {
  const last = readings.at(-1);
  if (last && next.at <= last.at) return [...readings];
  return [...readings.slice(-(READINGS_MAX - 1)), next];
}

/** What was added a second between two readings. A counter that fell was started anew and counts from nothing. */
export function rateBetween(before: Reading, after: Reading, name: string): number {
  const now = after.counters[name] ?? 0;
  const then = before.counters[name] ?? 0;
  return ((now >= then ? now - then : now) * 1000) / (after.at - before.at);
}

/** Rate of `name` at each reading but the first. */
export function ratesOf(readings: readonly Reading[], name: string): { x: number; y: number }[] {
  return readings.slice(1).map((reading, i) => ({
    x: reading.at,
    y: rateBetween(readings[i] as Reading, reading, name),
  }));
}

/** Rate of `name` over the last `ms` of the readings; undefined while there are not two. */
export function recentRate(readings: readonly Reading[], name: string, ms = 10_000) {
  const last = readings.at(-1);
  const first = last && readings.find(({ at }) => at >= last.at - ms);
  if (!first || first === last) return undefined;
  let added = 0;
  const from = readings.indexOf(first);
  for (let i = from + 1; i < readings.length; i++) {
    const [before, after] = [readings[i - 1], readings[i]] as [Reading, Reading];
    added += (rateBetween(before, after, name) * (after.at - before.at)) / 1000;
  }
  return (added * 1000) / (last.at - first.at);
}
