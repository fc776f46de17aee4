// Repeated siblings: a run of spans that follow each other under one parent and are alike. Shown as one row with count,
// median and sum, because the tenth look at the same query says nothing new.
//
// Alike are spans of the same service, name and kind with alike spans below them, however many and in whatever order:
// two `HTTP POST` that call different services are not.
//
//   parent                     parent
//   ├─ SELECT orders           ├─ SELECT orders ×3   median 1.1 ms, sum 3.4 ms
//   ├─ SELECT orders     →     └─ render
//   ├─ SELECT orders
//   └─ render

import { STATUS_ERROR, type Skeleton } from './skeleton';

/** Shortest run that is folded. */
export const FOLD_MIN = 4;

/** What a folded row says of its spans. */
export interface FoldStats {
  count: number;
  /** With everything below them. */
  spans: number;
  errors: number;
  /** First start and last end, ns from the start of the trace. */
  from: number;
  to: number;
  median: number;
  p95: number;
  max: number;
  sum: number;
}

/** See the module. */
export class Folds {
  /** First row of the run that each row is a member of, or -1. */
  private head = new Int32Array(0);
  /** Row after the run, at the place of its first row. */
  private after = new Int32Array(0);
  /** Runs. */
  count = 0;
  private readonly stats = new Map<number, FoldStats>();

  constructor(private readonly skeleton: Skeleton) {}

  /** Looks for runs anew: rows came in. */
  rebuild(): void {
    const { skeleton } = this;
    const { count } = skeleton;
    this.stats.clear();
    this.count = 0;
    const shapes = shapesOf(skeleton);
    const { parentRow } = skeleton.columns;
    this.head = new Int32Array(count).fill(-1);
    this.after = new Int32Array(count);
    for (let row = 0; row < count; row++) {
      if (this.head[row] !== -1) continue;
      let members = 1;
      let next = skeleton.end(row);
      while (next < count && parentRow[next] === parentRow[row] && shapes[next] === shapes[row]) {
        members++;
        next = skeleton.end(next);
      }
      if (members < FOLD_MIN) continue;
      this.count++;
      this.after[row] = next;
      for (let member = row; member < next; member = skeleton.end(member)) this.head[member] = row;
    }
  }

  /** First row of the run that `row` is a member of, or -1. */
  headOf(row: number): number {
    return this.head[row] ?? -1;
  }

  /** Row after the run that starts with `head`. */
  end(head: number): number {
    return this.after[head] as number;
  }

  /** Members of the run that starts with `head`, from the top. */
  members(head: number): number[] {
    const found: number[] = [];
    for (let row = head; row < this.end(head); row = this.skeleton.end(row)) found.push(row);
    return found;
  }

  /** Figures of the run that starts with `head`. */
  statsOf(head: number): FoldStats {
    let stats = this.stats.get(head);
    if (!stats) this.stats.set(head, (stats = this.work(head)));
    return stats;
  }

  private work(head: number): FoldStats {
    const { skeleton } = this;
    const { start, duration, status } = skeleton.columns;
    const members = this.members(head);
    const durations = Float64Array.from(members, (row) => duration[row] as number).sort();
    const timed = members.filter((row) => !skeleton.hasNoStart(row));
    return {
      count: members.length,
      spans: this.end(head) - head,
      errors: members.filter((row) => status[row] === STATUS_ERROR).length,
      from: timed.reduce((least, row) => Math.min(least, start[row] as number), Infinity),
      to: timed.reduce(
        (most, row) => Math.max(most, (start[row] as number) + (duration[row] as number)),
        -Infinity,
      ),
      median: quantile(durations, 0.5),
      p95: quantile(durations, 0.95),
      max: durations.at(-1) as number,
      sum: durations.reduce((sum, ns) => sum + ns, 0),
    };
  }
}

/** A number for each span, the same for alike ones: a hash of itself and of what is below it, each kind of child once. */
function shapesOf(skeleton: Skeleton): Int32Array {
  const { count, columns } = skeleton;
  const { service, name, kind } = columns;
  const shapes = new Int32Array(count);
  /** The row at which a child's shape was last met. */
  const metAt = new Map<number, number>();
  for (let row = count - 1; row >= 0; row--) {
    let shape = mix(mix(service[row] as number, name[row] as number), kind[row] as number);
    let below = 0;
    for (let child = row + 1; child < skeleton.end(row); child = skeleton.end(child)) {
      const met = shapes[child] as number;
      if (metAt.get(met) === row) continue;
      metAt.set(met, row);
      below = (below + mix(met, 0x2545f491)) | 0;
    }
    if (below !== 0) shape = mix(shape, below);
    shapes[row] = shape;
  }
  return shapes;
}

/** Two numbers in one, well spread (the finishing step of MurmurHash3). */
function mix(a: number, b: number): number {
  let hash = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x7f4a7c15, 0xc2b2ae35);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** The value at or above which `share` of the sorted values lie below (nearest rank); 0 for none. */
export function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
