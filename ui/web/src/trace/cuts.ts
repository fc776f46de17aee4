// Idle stretches of a trace, and time without them.
//
//   spans    ▇▇▇▇▇                              ▇▇▇▇          a leaf runs, or a span starts or ends
//   idle          ──────────────────────────────              nothing of that, however long a parent waits
//   cut      ▇▇▇▇▇⌇⌇▇▇▇▇
//
// "Active" time is the time of the trace less what was cut out before. Everything that zooms and moves works in it, so that a
// cut is crossed in one step; ranges in the URL and on the page stay in the trace's own time.

import type { TimeRange } from './layout';
import type { Skeleton } from './skeleton';

/** Places that the trace is divided into when idle stretches are looked for. */
const BUCKETS = 8192;
/** Shortest stretch that is cut, as a share of the time that is then left. */
const CUT_MIN_SHARE = 0.04;
/** Most stretches that are cut: each takes room. */
export const CUTS_MAX = 24;
/** Cutting is offered where it takes this share of the trace away. */
export const CUTS_WORTH_SHARE = 0.4;

/** Stretches of at least a bucket in which nothing starts, ends or runs but spans that wait for others. */
export function idleStretches(skeleton: Skeleton, full: TimeRange): TimeRange[] {
  const { columns, count, childCount } = skeleton;
  const { start, duration } = columns;
  const size = (full.to - full.from) / BUCKETS;
  if (!(size > 0)) return [];
  const bucketOf = (t: number): number =>
    Math.min(BUCKETS - 1, Math.max(0, Math.floor((t - full.from) / size)));
  /** Spans that run from one bucket to the next: +1 where one begins, -1 after the one where it ends. */
  const running = new Int32Array(BUCKETS + 1);
  const first = new Float64Array(BUCKETS).fill(Number.POSITIVE_INFINITY);
  const last = new Float64Array(BUCKETS).fill(Number.NEGATIVE_INFINITY);
  const mark = (from: number, to: number): void => {
    const [a, b] = [bucketOf(from), bucketOf(to)];
    running[a]!++;
    running[b + 1]!--;
    first[a] = Math.min(first[a] as number, from);
    last[b] = Math.max(last[b] as number, to);
  };
  for (let row = 0; row < count; row++) {
    if (skeleton.hasNoStart(row)) continue;
    const from = start[row] as number;
    const to = from + Math.max(0, duration[row] as number);
    if (childCount[row] === 0) mark(from, to);
    else {
      mark(from, from);
      mark(to, to);
    }
  }
  const found: TimeRange[] = [];
  let open = 0;
  let end = Number.NaN;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const wasEmpty = open === 0;
    open += running[bucket] as number;
    if (open === 0) continue;
    // What is in a bucket after an empty one begins there; what is in one before it ends there.
    const begin = first[bucket] as number;
    if (wasEmpty && begin - end >= size) found.push({ from: end, to: begin });
    end = last[bucket] as number;
  }
  return found;
}

/** The longest idle stretches, as long as each is a good part of what is left without the longer ones; in order of time. */
export function cutsOf(skeleton: Skeleton, full: TimeRange): TimeRange[] {
  const idle = idleStretches(skeleton, full).sort((a, b) => lengthOf(b) - lengthOf(a));
  let left = lengthOf(full);
  const cut: TimeRange[] = [];
  for (const stretch of idle.slice(0, CUTS_MAX)) {
    if (lengthOf(stretch) < left * CUT_MIN_SHARE) break;
    left -= lengthOf(stretch);
    cut.push(stretch);
  }
  return cut.sort((a, b) => a.from - b.from);
}

export const lengthOf = ({ from, to }: TimeRange): number => to - from;

/** Time with some stretches cut out; with none it is the trace's own. */
export class Cuts {
  /** Active time of the start of each stretch. */
  private readonly starts: Float64Array;
  /** What is cut out in all. */
  readonly total: number;

  constructor(readonly stretches: readonly TimeRange[]) {
    this.starts = new Float64Array(stretches.length);
    let total = 0;
    for (const [i, stretch] of stretches.entries()) {
      this.starts[i] = stretch.from - total;
      total += lengthOf(stretch);
    }
    this.total = total;
  }

  /** Stretches that begin before `t`. */
  private before(t: number): number {
    let low = 0;
    let high = this.stretches.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.stretches[middle] as TimeRange).from < t) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Active time of the instant `t`; the same all through a stretch. */
  active(t: number): number {
    const before = this.before(t);
    if (before === 0) return t;
    const { to } = this.stretches[before - 1] as TimeRange;
    return (this.starts[before - 1] as number) + Math.max(0, t - to);
  }

  /** Stretches before `t`, with the share of the one that it is in. */
  passed(t: number): number {
    const before = this.before(t);
    if (before === 0) return 0;
    const stretch = this.stretches[before - 1] as TimeRange;
    return before - 1 + Math.min(1, (t - stretch.from) / Math.max(1, lengthOf(stretch)));
  }

  /** The instant at `active`; where that is a stretch, its start or its end. */
  real(active: number, at: 'start' | 'end'): number {
    let t = active;
    for (const [i, stretch] of this.stretches.entries()) {
      const start = this.starts[i] as number;
      if (at === 'start' ? active <= start : active < start) break;
      t += lengthOf(stretch);
    }
    return t;
  }
}

/** Time as it is. */
export const UNCUT = new Cuts([]);
