// Spans of the same service and name in one trace: how long they take, and where among them one stands.

import { quantile } from './folds';
import type { Skeleton } from './skeleton';

/** Fewest spans that are worth comparing with. */
export const ALIKE_MIN = 5;

/** See the module. */
export interface AlikeStats {
  /** Durations, the shortest first; spans that end before they start are left out. */
  durations: Float64Array;
  median: number;
  p99: number;
  /** Share of the others that took less time, 0 to 1. */
  slowerThan: number;
}

/** The spans like `row`, itself included; undefined when they are too few, or it has no duration. */
export function alikeOf(skeleton: Skeleton, row: number): AlikeStats | undefined {
  const { service, name, duration } = skeleton.columns;
  const own = duration[row] as number;
  if (own <= 0) return undefined;
  const found: number[] = [];
  for (let other = 0; other < skeleton.count; other++) {
    if (service[other] !== service[row] || name[other] !== name[row]) continue;
    if ((duration[other] as number) > 0) found.push(duration[other] as number);
  }
  if (found.length < ALIKE_MIN) return undefined;
  const durations = Float64Array.from(found).sort();
  const shorter = durations.findIndex((ns) => ns >= own);
  return {
    durations,
    median: quantile(durations, 0.5),
    p99: quantile(durations, 0.99),
    slowerThan: shorter / (durations.length - 1),
  };
}

/** Where the spans stand on a logarithmic axis of `steps` places: how many at each. */
export function histogram({ durations }: AlikeStats, steps: number): Uint32Array {
  const counts = new Uint32Array(steps);
  for (const ns of durations) counts[placeOf(durations, ns, steps)]!++;
  return counts;
}

/** Place of `ns` on the axis of {@link histogram}. */
export function placeOf(durations: Float64Array, ns: number, steps: number): number {
  const low = Math.log(durations[0] as number);
  const high = Math.log(durations.at(-1) as number);
  const share = high > low ? (Math.log(ns) - low) / (high - low) : 0.5;
  return Math.round(share * (steps - 1));
}
