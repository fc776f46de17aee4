// The critical path: at each instant of the root's time, the one span that it waits for. Shortening a span on it would
// have made the whole shorter; shortening any other would not.
//
//   root   ▇▇▇▬▬▬▬▬▬▬▬▬▬▬▇▇▇      walked backwards from the root's end: the child that ended last was waited for; before
//   a         ▇▇▇▇▇▇              it started, the child that had ended last by then; where there is none, the span itself
//   b            ▇▇▇▇▇▇▇▇         works. Here b, then a only if it ended before b started: it did not, so the root.
//          ───┈┈┈────────┈──      path
//
// Rules for odd trees: a child counts only within its parent's time, so a tail that outlives the parent is cut, and a
// child that lies beside it counts for nothing. A consumer works on its own time and is not waited for. A span without
// a start is passed over.

import type { Skeleton } from './skeleton';

const KIND_CONSUMER = 5;

/** A span that is being walked, from its end backwards. */
interface Frame {
  row: number;
  /** Start and end of the span within its parents' time. */
  from: number;
  to: number;
  /** What lies after this instant is done. */
  at: number;
  /** Children by their end, the last one first to be looked at. */
  children: number[];
}

/** See the module. */
export class CriticalPath {
  /** Ns on the path: the root's duration. */
  readonly total: number;

  private constructor(
    /** Row whose time the path explains, or -1 when no root has a duration. */
    readonly root: number,
    /** Place of each row's first stretch, and one more. */
    private readonly places: Int32Array,
    /** From, to, from, to, ...: ns from the start of the trace, by row, then by time. */
    private readonly stretches: Float64Array,
  ) {
    this.total = this.between(0, places.length - 1);
  }

  /** Works the path out. About 40 ms for 200,000 spans. */
  static of(skeleton: Skeleton): CriticalPath {
    const root = rootOf(skeleton);
    const rows: number[] = [];
    const times: number[] = [];
    if (root !== -1) {
      walk(skeleton, root, (row, from, to) => {
        rows.push(row);
        times.push(from, to);
      });
    }
    const places = new Int32Array(skeleton.count + 1);
    for (const row of rows) places[row + 1] = (places[row + 1] as number) + 1;
    for (let row = 0; row < skeleton.count; row++)
      places[row + 1] = (places[row + 1] as number) + (places[row] as number);
    const stretches = new Float64Array(times.length);
    // The walk goes backwards in time: each row is filled from its end.
    const next = places.slice(1);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number;
      const place = ((next[row] as number) - 1) * 2;
      next[row] = (next[row] as number) - 1;
      stretches[place] = times[2 * i] as number;
      stretches[place + 1] = times[2 * i + 1] as number;
    }
    return new CriticalPath(root, places, stretches);
  }

  /** Stretches of `row` itself. */
  stretchesOf(row: number): Float64Array {
    return this.stretches.subarray(
      2 * (this.places[row] as number),
      2 * (this.places[row + 1] as number),
    );
  }

  /** Ns of the path that the rows from `row` up to, not including, `end` take themselves. */
  between(row: number, end: number): number {
    let sum = 0;
    const last = 2 * (this.places[end] as number);
    for (let i = 2 * (this.places[row] as number); i < last; i += 2)
      sum += (this.stretches[i + 1] as number) - (this.stretches[i] as number);
    return sum;
  }

  /** First and last instant of the path in the rows from `row` up to `end`; undefined when it does not pass there. */
  extent(row: number, end: number): readonly [from: number, to: number] | undefined {
    const last = 2 * (this.places[end] as number);
    let from = Number.POSITIVE_INFINITY;
    let to = Number.NEGATIVE_INFINITY;
    for (let i = 2 * (this.places[row] as number); i < last; i += 2) {
      from = Math.min(from, this.stretches[i] as number);
      to = Math.max(to, this.stretches[i + 1] as number);
    }
    return from < to ? [from, to] : undefined;
  }
}

/** The root that the trace is about: the longest one that is no orphan, else the longest orphan. */
function rootOf(skeleton: Skeleton): number {
  const { duration, flags, subtreeSize } = skeleton.columns;
  let best = -1;
  for (let row = 0; row < skeleton.count; row += subtreeSize[row] as number) {
    if ((duration[row] as number) <= 0 || skeleton.hasNoStart(row)) continue;
    const isOrphan = (flags[row] as number) & 1;
    const bestIsOrphan = best === -1 ? 2 : (flags[best] as number) & 1;
    if (
      isOrphan < bestIsOrphan ||
      (isOrphan === bestIsOrphan && (duration[row] as number) > (duration[best] as number))
    )
      best = row;
  }
  return best;
}

/** Walks from the root's end backwards. Without recursion: a trace may be 100,000 levels deep. */
function walk(
  skeleton: Skeleton,
  root: number,
  emit: (row: number, from: number, to: number) => void,
): void {
  const { start, duration } = skeleton.columns;
  const begin = start[root] as number;
  const stack = [frameOf(skeleton, root, begin, begin + (duration[root] as number))];
  for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
    const child = frame.children.pop();
    if (child === undefined) {
      if (frame.at > frame.from) emit(frame.row, frame.from, frame.at);
      stack.pop();
      continue;
    }
    const from = Math.max(start[child] as number, frame.from);
    const to = Math.min((start[child] as number) + (duration[child] as number), frame.to);
    // It was still running when what was waited for started: it ran beside it.
    if (to > frame.at) continue;
    if (frame.at > to) emit(frame.row, to, frame.at);
    frame.at = from;
    stack.push(frameOf(skeleton, child, from, to));
  }
}

function frameOf(skeleton: Skeleton, row: number, from: number, to: number): Frame {
  const { start, duration, kind, subtreeSize } = skeleton.columns;
  const endOf = (child: number): number =>
    Math.min((start[child] as number) + (duration[child] as number), to);
  const children: number[] = [];
  for (let child = row + 1; child < skeleton.end(row); child += subtreeSize[child] as number) {
    if (kind[child] === KIND_CONSUMER || skeleton.hasNoStart(child)) continue;
    if (endOf(child) > Math.max(start[child] as number, from)) children.push(child);
  }
  children.sort((a, b) => endOf(a) - endOf(b));
  return { row, from, to, at: to, children };
}
