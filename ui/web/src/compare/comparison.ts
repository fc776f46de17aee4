// What differs between two aligned traces: by pair, by kind of span, and as a whole.

import { selfStretches, totalOf } from '../trace/selfTime';
import type { Skeleton } from '../trace/skeleton';
import { align, type Alignment } from './align';

/** How the spans of a pair stand to each other. */
export const ALIKE = 0;
export const DIFFERENT = 1;
export const ONLY_A = 2;
export const ONLY_B = 3;

/** Spans alike differ by less than this share of the longer trace. */
const ALIKE_SHARE = 0.01;

/** One kind of span: the same service, name and kind. Times are ns. */
export interface Ranked {
  service: string;
  name: string;
  kind: number;
  countA: number;
  countB: number;
  /** Sums of the time in which no child runs. */
  selfA: number;
  selfB: number;
  /** The pair in which it differs most. */
  pair: number;
}

/** Subtrees that one of the traces lacks, by kind of their top span. */
export interface Missing {
  service: string;
  name: string;
  /** How often. */
  count: number;
  /** Spans in all of them. */
  spans: number;
  /** Sum of the durations of the top spans, ns. */
  duration: number;
  pair: number;
}

/** See the module. */
export class Comparison {
  readonly alignment: Alignment;
  /** One of the words above, for each pair. */
  readonly state: Uint8Array;
  /** True for pairs whose whole subtree is alike. */
  readonly alikeBelow: Uint8Array;
  /** Where the bars begin, ns from the start of the axis: of A and of B. */
  readonly startA: Float64Array;
  readonly startB: Float64Array;
  /** Length of the longer trace, ns. */
  readonly length: number;
  readonly ranked: readonly Ranked[];
  readonly onlyA: readonly Missing[];
  readonly onlyB: readonly Missing[];
  /** Pairs, and spans that only one has. */
  readonly counts: { paired: number; onlyA: number; onlyB: number };

  /** How long all this took, ms. */
  readonly tookMs: number;

  constructor(
    readonly a: Skeleton,
    readonly b: Skeleton,
    /** Lay each pair's spans at the start of their parents, instead of both traces at their own start. */
    atParent: boolean,
  ) {
    const started = performance.now();
    this.alignment = align(a, b);
    const { count } = this.alignment;
    this.length = Math.max(endOf(a), endOf(b), 1);
    this.state = new Uint8Array(count);
    this.alikeBelow = new Uint8Array(count);
    this.startA = new Float64Array(count);
    this.startB = new Float64Array(count);
    this.counts = { paired: 0, onlyA: 0, onlyB: 0 };
    this.judge();
    this.place(atParent);
    this.ranked = this.rank();
    this.onlyA = this.missing(ONLY_A);
    this.onlyB = this.missing(ONLY_B);
    this.tookMs = performance.now() - started;
  }

  /** Duration of the span of A or B in `pair`, or undefined where there is none. */
  duration(side: 'a' | 'b', pair: number): number | undefined {
    const row = this.alignment[side][pair] as number;
    return row === -1 ? undefined : (this[side].columns.duration[row] as number);
  }

  /** How much longer B is; a span that is missing counts as nothing. */
  delta(pair: number): number {
    return (this.duration('b', pair) ?? 0) - (this.duration('a', pair) ?? 0);
  }

  /** Trace and row that name the pair: A's where it has the span. */
  shown(pair: number): readonly [Skeleton, number] {
    const row = this.alignment.a[pair] as number;
    return row === -1 ? [this.b, this.alignment.b[pair] as number] : [this.a, row];
  }

  private judge(): void {
    const { count, a, b, parent } = this.alignment;
    const limit = this.length * ALIKE_SHARE;
    for (let pair = 0; pair < count; pair++) {
      if (a[pair] === -1) this.state[pair] = ONLY_B;
      else if (b[pair] === -1) this.state[pair] = ONLY_A;
      else this.state[pair] = Math.abs(this.delta(pair)) < limit ? ALIKE : DIFFERENT;
      if (this.state[pair] === ONLY_A) this.counts.onlyA++;
      else if (this.state[pair] === ONLY_B) this.counts.onlyB++;
      else this.counts.paired++;
    }
    this.alikeBelow.fill(1);
    for (let pair = count - 1; pair >= 0; pair--) {
      if (this.state[pair] !== ALIKE) this.alikeBelow[pair] = 0;
      const up = parent[pair] as number;
      if (up >= 0 && this.alikeBelow[pair] === 0) this.alikeBelow[up] = 0;
    }
  }

  private place(atParent: boolean): void {
    const { count, a, b, parent } = this.alignment;
    const base = new Float64Array(count);
    const offset = (skeleton: Skeleton, row: number): number => {
      const { start, parentRow } = skeleton.columns;
      const up = parentRow[row] as number;
      return (start[row] as number) - (up === -1 ? 0 : (start[up] as number));
    };
    for (let pair = 0; pair < count; pair++) {
      const rowA = a[pair] as number;
      const rowB = b[pair] as number;
      if (!atParent) {
        this.startA[pair] = rowA === -1 ? 0 : (this.a.columns.start[rowA] as number);
        this.startB[pair] = rowB === -1 ? 0 : (this.b.columns.start[rowB] as number);
        continue;
      }
      // From the earlier of the two places of the parent, so that nothing leaves the axis.
      const from = parent[pair] === -1 ? 0 : (base[parent[pair] as number] as number);
      const placeA = rowA === -1 ? Infinity : from + offset(this.a, rowA);
      const placeB = rowB === -1 ? Infinity : from + offset(this.b, rowB);
      this.startA[pair] = rowA === -1 ? 0 : placeA;
      this.startB[pair] = rowB === -1 ? 0 : placeB;
      base[pair] = Math.min(placeA, placeB);
    }
  }

  private rank(): Ranked[] {
    const { count, a, b } = this.alignment;
    const kinds = new Map<string, Ranked & { most: number }>();
    for (let pair = 0; pair < count; pair++) {
      const [skeleton, row] = this.shown(pair);
      const [service, name, kind] = [
        skeleton.serviceName(row),
        skeleton.spanName(row),
        skeleton.columns.kind[row] as number,
      ];
      const key = `${service}\u0000${name}\u0000${kind}`;
      const none = { countA: 0, countB: 0, selfA: 0, selfB: 0, pair, most: -1 };
      const entry = kinds.get(key) ?? { service, name, kind, ...none };
      kinds.set(key, entry);
      const selfA = selfOf(this.a, a[pair] as number);
      const selfB = selfOf(this.b, b[pair] as number);
      entry.countA += Number(a[pair] !== -1);
      entry.countB += Number(b[pair] !== -1);
      entry.selfA += selfA;
      entry.selfB += selfB;
      if (Math.abs(selfB - selfA) > entry.most) {
        entry.most = Math.abs(selfB - selfA);
        entry.pair = pair;
      }
    }
    const size = ({ selfA, selfB }: Ranked): number => Math.abs(selfB - selfA);
    return [...kinds.values()]
      .filter((entry) => size(entry) > 0 || entry.countA !== entry.countB)
      .sort((x, y) => size(y) - size(x) || x.pair - y.pair);
  }

  private missing(state: typeof ONLY_A | typeof ONLY_B): Missing[] {
    const { count, parent, subtreeSize } = this.alignment;
    const found = new Map<string, Missing>();
    for (let pair = 0; pair < count; pair++) {
      const up = parent[pair] as number;
      if (this.state[pair] !== state || (up !== -1 && this.state[up] === state)) continue;
      const [skeleton, row] = this.shown(pair);
      const service = skeleton.serviceName(row);
      const name = skeleton.spanName(row);
      const key = `${service}\u0000${name}`;
      const entry = found.get(key) ?? { service, name, count: 0, spans: 0, duration: 0, pair };
      found.set(key, entry);
      entry.count++;
      entry.spans += subtreeSize[pair] as number;
      entry.duration += Math.abs(this.delta(pair));
    }
    return [...found.values()].sort((x, y) => y.duration - x.duration || y.spans - x.spans);
  }
}

/** Where the last span ends, ns from the start of the trace. */
function endOf({ columns, count }: Skeleton): number {
  let end = 0;
  for (let row = 0; row < count; row++)
    end = Math.max(end, (columns.start[row] as number) + (columns.duration[row] as number));
  return end;
}

function selfOf(skeleton: Skeleton, row: number): number {
  return row === -1 ? 0 : totalOf(selfStretches(skeleton, row));
}
