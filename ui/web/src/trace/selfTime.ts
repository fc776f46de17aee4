// Self time: when a span itself works, that is, when none of its children runs.

import type { Skeleton } from './skeleton';

/**
 * Stretches of `row`, ns from the start of the trace, in which no child of it runs: from, to, from, to, ...
 * Children may overlap, start before their parent or outlive it; only what lies within the parent counts.
 */
export function selfStretches(skeleton: Skeleton, row: number): Float64Array {
  const { start, duration, subtreeSize } = skeleton.columns;
  const from = start[row] as number;
  const to = from + (duration[row] as number);
  if (to <= from) return new Float64Array(0);
  const spans: [number, number][] = [];
  for (let child = row + 1; child < skeleton.end(row); child += subtreeSize[child] as number) {
    const begin = Math.max(from, start[child] as number);
    const end = Math.min(to, (start[child] as number) + (duration[child] as number));
    if (end > begin) spans.push([begin, end]);
  }
  spans.sort((a, b) => a[0] - b[0]);
  const stretches: number[] = [];
  let at = from;
  for (const [begin, end] of spans) {
    if (begin > at) stretches.push(at, begin);
    at = Math.max(at, end);
  }
  if (at < to) stretches.push(at, to);
  return Float64Array.from(stretches);
}

/** Sum of the stretches, ns. */
export function totalOf(stretches: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < stretches.length; i += 2)
    sum += (stretches[i + 1] as number) - (stretches[i] as number);
  return sum;
}

/** Most rows whose stretches are kept. */
const KEPT_MAX = 4096;

/** Stretches of rows that were asked for, kept for the next frame. */
export class SelfTimes {
  private readonly kept = new Map<number, Float64Array>();

  constructor(private readonly skeleton: Skeleton) {}

  /** Stretches of `row`. */
  of(row: number): Float64Array {
    let stretches = this.kept.get(row);
    if (!stretches) {
      if (this.kept.size >= KEPT_MAX) this.kept.clear();
      stretches = selfStretches(this.skeleton, row);
      this.kept.set(row, stretches);
    }
    return stretches;
  }

  /** Forgets all: more rows came in. */
  clear(): void {
    this.kept.clear();
  }
}
