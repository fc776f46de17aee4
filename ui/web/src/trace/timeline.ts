// The part of a trace's time that is shown, and how it is zoomed and moved, with idle stretches cut out or not.

import { Cuts, UNCUT } from './cuts';
import { clampRange, zoomRange, type TimeRange } from './layout';

/** See the module. */
export class Timeline {
  /** What is shown; `full` itself when that is all. */
  range: TimeRange;
  /** What is cut out of the time that is shown. */
  cuts: Cuts = UNCUT;

  constructor(
    /** The whole trace. */
    public full: TimeRange,
  ) {
    this.range = full;
  }

  /** Shows `range`. */
  show(range: TimeRange): void {
    const next = clampRange(range, this.full);
    const isFull = next.from <= this.full.from && next.to >= this.full.to;
    this.range = isFull ? this.full : next;
  }

  /** The trace grew: it is `full` now, and its start is `later` ns before where it was. */
  grow(full: TimeRange, later: number): void {
    const { from, to } = this.range;
    const wasFull = this.range === this.full;
    this.full = full;
    if (wasFull) this.range = full;
    else this.show({ from: from + later, to: to + later });
  }

  /** Makes the shown part `factor` as long, around `center`. */
  zoom(factor: number, center: number): void {
    const { cuts, full } = this;
    this.showActive(
      zoomRange(this.active(this.range), factor, cuts.active(center), this.active(full)),
    );
  }

  /** Moves the shown part by a share of its length. */
  pan(share: number): void {
    const { from, to } = this.active(this.range);
    this.showActive(this.moved({ from, to }, (to - from) * share));
  }

  /** Moves `range`, as long as it is, so that it begins where `from` lies. */
  moveTo(range: TimeRange, from: number): void {
    const active = this.active(range);
    this.showActive(this.moved(active, this.cuts.active(from) - active.from));
  }

  /** The instant a share of the whole after `t`, or before. */
  along(t: number, share: number): number {
    const { from, to } = this.active(this.full);
    const next = this.cuts.active(t) + (to - from) * share;
    return this.cuts.real(next, share > 0 ? 'end' : 'start');
  }

  private moved({ from, to }: TimeRange, by: number): TimeRange {
    return clampRange({ from: from + by, to: to + by }, this.active(this.full));
  }

  private active({ from, to }: TimeRange): TimeRange {
    return { from: this.cuts.active(from), to: this.cuts.active(to) };
  }

  private showActive({ from, to }: TimeRange): void {
    const full = this.active(this.full);
    // All of it is all of it: the ends may be cut as well.
    if (from <= full.from && to >= full.to) this.range = this.full;
    else this.show({ from: this.cuts.real(from, 'end'), to: this.cuts.real(to, 'start') });
  }
}
