// Instants on a horizontal axis, and its ticks. Stretches that are cut out of the time take the same few pixels each.

import { lengthOf, UNCUT, type Cuts } from './cuts';
import { tickStep, type TimeRange } from './layout';

/** Room beside the bars for marks and labels, px. */
export const AXIS_PAD = { left: 8, right: 64 };

/** Largest share of an axis that its cuts take. */
const CUTS_MAX_SHARE = 0.3;

/** A stretch that is cut out, where it is on the axis. */
export interface CutPlace {
  stretch: TimeRange;
  left: number;
  right: number;
}

/** Instants on an axis of `width` px. */
export class TimeAxis {
  /** Px a ns, and px a cut. */
  private readonly scale: number;
  private readonly gap: number;
  private readonly origin: number;
  private readonly room: number;
  readonly cuts: Cuts;

  constructor(
    readonly range: TimeRange,
    readonly width: number,
    cuts: Cuts = UNCUT,
    cutPx = 0,
  ) {
    this.room = Math.max(1, width - AXIS_PAD.left - AXIS_PAD.right);
    const { from, to } = range;
    // Where nothing but a cut is shown it is no cut.
    const isCut = cuts.active(to) - cuts.active(from) >= 1;
    this.cuts = isCut ? cuts : UNCUT;
    const passed = this.cuts.passed(to) - this.cuts.passed(from);
    this.gap = passed > 0 ? Math.min(cutPx, (this.room * CUTS_MAX_SHARE) / passed) : cutPx;
    this.scale =
      (this.room - this.gap * passed) / Math.max(1, this.cuts.active(to) - this.cuts.active(from));
    this.origin = this.along(from) - AXIS_PAD.left;
  }

  private along(t: number): number {
    return this.cuts.active(t) * this.scale + this.cuts.passed(t) * this.gap;
  }

  /** Place of the instant `t`. */
  x(t: number): number {
    if (this.cuts.total === 0) return AXIS_PAD.left + (t - this.range.from) * this.scale;
    return this.along(t) - this.origin;
  }

  /** Instant at the place `x`. */
  t(x: number): number {
    const { stretches } = this.cuts;
    // The last stretch that begins to the left of `x`: from there on it is a line again.
    let low = 0;
    let high = stretches.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.x((stretches[middle] as TimeRange).from) < x) low = middle + 1;
      else high = middle;
    }
    const stretch = stretches[low - 1];
    if (!stretch) {
      const next = stretches[0];
      // Before the first cut, from whichever instant lies there.
      const anchor = next && next.from < this.range.from ? next.from : this.range.from;
      return anchor + (x - this.x(anchor)) / this.scale;
    }
    const left = this.x(stretch.from);
    const within = this.gap > 0 ? (x - left) / this.gap : 1;
    if (within < 1) return stretch.from + within * lengthOf(stretch);
    return stretch.to + (x - left - this.gap) / this.scale;
  }

  /** The cuts that are in view. */
  places(): CutPlace[] {
    return this.cuts.stretches
      .map((stretch) => ({ stretch, left: this.x(stretch.from), right: this.x(stretch.to) }))
      .filter(({ left, right }) => right > AXIS_PAD.left && left < this.width);
  }

  /** Ns in `px` of the axis that are no cut. */
  length(px: number): number {
    return px / this.scale;
  }
}

/** Ticks of `axis`, at least `gap` px apart but for the one that stands where time goes on after a cut. */
export function ticksOf(axis: TimeAxis, gap: number): { at: number[]; step: number } {
  const step = tickStep(axis.length(gap));
  const at: number[] = [];
  const end = axis.t(axis.width);
  let from = axis.range.from;
  let isAfterCut = false;
  const run = (to: number): void => {
    if (isAfterCut) at.push(from);
    const first = isAfterCut ? from + axis.length(gap / 2) : from;
    for (let n = Math.ceil(first / step - 1e-9); n * step <= to; n++) at.push(n * step);
  };
  for (const stretch of axis.cuts.stretches) {
    if (stretch.to <= from) continue;
    if (stretch.from >= end) break;
    run(stretch.from);
    from = stretch.to;
    isAfterCut = true;
  }
  if (from <= end) run(end);
  return { at, step };
}
