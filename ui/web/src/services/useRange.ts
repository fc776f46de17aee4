// The time that a page of figures is about: as its URL says, the last hour unless it says otherwise.

import { useMemo, useState } from 'react';

import { resolveRange, type RangeText } from '../lib/range';
import type { Nanos, Zone } from '../lib/zone';
import { nowNanos } from '../shell/now';
import type { RangeSearch } from '../shell/search';
import type { Bounds } from './statements';
import type { Extent } from './model';

/** What `from` says when no end is set at all. */
export const ALL = 'all';
/** The range without a word in the URL. */
const DEFAULT_FROM = 'now-1h';

/** The range as texts for the picker. */
export function rangeText({ from, to }: RangeSearch): RangeText {
  if (from === ALL) return {};
  return from === undefined && to === undefined ? { from: DEFAULT_FROM } : { from, to };
}

/** The texts of a chosen range as they stand in the URL. */
export function rangeSearch({ from, to }: RangeText): {
  from: string | undefined;
  to: string | undefined;
} {
  return from || to ? { from, to } : { from: ALL, to: undefined };
}

/** Bounds of the range, fixed until it changes or is asked for anew. */
export function useRange(search: RangeSearch, zone: Zone) {
  const [now, setNow] = useState(nowNanos);
  const { from, to } = search;
  const resolved = useMemo(
    () => resolveRange(rangeText({ ...(from && { from }), ...(to && { to }) }), now, zone),
    [from, to, now, zone],
  );
  const bounds: Bounds = useMemo(
    () => (resolved.ok ? { from: resolved.range.start, to: resolved.range.end } : {}),
    [resolved],
  );
  return {
    bounds,
    error: resolved.ok ? undefined : resolved.message,
    refresh: () => setNow(nowNanos()),
    now,
  };
}

/** Ends of the axis: the bounds where they are set, else where the data lies. Ms since the epoch. */
export function axisOf(
  bounds: Bounds,
  extent: Extent | undefined,
  now: Nanos,
): { from: number; to: number } {
  const ms = (ns: Nanos): number => Number(ns / 1_000_000n);
  const from = ms(bounds.from ?? extent?.first ?? now - 3_600_000_000_000n);
  const to = ms(bounds.to ?? (bounds.from === undefined ? extent?.last : undefined) ?? now);
  return { from, to: Math.max(to, from + 1000) };
}

/** Whole buckets that cover the axis. */
export function bucketsOf(axis: { from: number; to: number }, seconds: number) {
  const step = seconds * 1000;
  const from = Math.floor(axis.from / step) * step;
  const to = Math.ceil(axis.to / step) * step;
  return { from, to: to > from ? to : from + step, step };
}
