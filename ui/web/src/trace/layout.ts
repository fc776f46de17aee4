// Where things stand: rows on a scroll bar of bounded length, instants on an axis, ticks, indents. Plain arithmetic.

import { formatDuration } from '../lib/duration';

/** Longest element that every browser lays out exactly, px: Firefox stops near 17 million, Chromium at 2x near 16. */
export const SCROLL_MAX_PX = 8_000_000;

/**
 * Rows in a scrolling element. Above {@link SCROLL_MAX_PX} the element is shorter than its rows: the scroll bar maps
 * linearly, while wheel and keys move by exact pixels of the rows ("virtual" ones).
 */
export class ScrollSpace {
  /** Height of all rows, virtual px. */
  readonly contentHeight: number;
  /** Height of the scrolling element's content, px. */
  readonly physicalHeight: number;

  constructor(
    rows: number,
    readonly rowHeight: number,
    readonly viewHeight: number,
  ) {
    this.contentHeight = rows * rowHeight;
    this.physicalHeight = Math.min(this.contentHeight, SCROLL_MAX_PX);
  }

  /** True when one pixel of the scroll bar is more than one of the rows. */
  get isScaled(): boolean {
    return this.physicalHeight < this.contentHeight;
  }

  /** Largest virtual scroll position. */
  get maxTop(): number {
    return Math.max(0, this.contentHeight - this.viewHeight);
  }

  /** `top` within its bounds. */
  clamp(top: number): number {
    return Math.min(Math.max(0, top), this.maxTop);
  }

  /** Virtual position of the scroll position `scrollTop`. */
  toVirtual(scrollTop: number): number {
    return this.clamp(scrollTop * this.ratio());
  }

  /** Scroll position of a virtual position. */
  toPhysical(top: number): number {
    return this.clamp(top) / this.ratio();
  }

  /** The position closest to `top` at which the row at `position` is in view, `margin` rows from the edge. */
  topToShow(position: number, top: number, margin = 2): number {
    const rowTop = position * this.rowHeight;
    const space =
      Math.min(margin, Math.max(0, Math.floor(this.viewHeight / this.rowHeight / 2) - 1)) *
      this.rowHeight;
    if (rowTop - space < top) return this.clamp(rowTop - space);
    const bottom = rowTop + this.rowHeight + space;
    return bottom > top + this.viewHeight ? this.clamp(bottom - this.viewHeight) : this.clamp(top);
  }

  /** The position at which the row at `position` stands in the middle. */
  topToCenter(position: number): number {
    return this.clamp((position + 0.5) * this.rowHeight - this.viewHeight / 2);
  }

  private ratio(): number {
    const room = this.physicalHeight - this.viewHeight;
    return this.isScaled && room > 0 ? this.maxTop / room : 1;
  }
}

/** Part of a trace that is shown, ns from its start. */
export interface TimeRange {
  from: number;
  to: number;
}

/** Shortest range that can be zoomed to, ns. */
export const RANGE_MIN_NS = 10;

/** `range` within the trace and no shorter than {@link RANGE_MIN_NS}. */
export function clampRange(range: TimeRange, full: TimeRange): TimeRange {
  const length = Math.min(Math.max(range.to - range.from, RANGE_MIN_NS), full.to - full.from);
  const from = Math.min(Math.max(range.from, full.from), full.to - length);
  return { from, to: from + length };
}

/** `range` made `factor` as long around the instant `center`. */
export function zoomRange(
  range: TimeRange,
  factor: number,
  center: number,
  full: TimeRange,
): TimeRange {
  const from = center - (center - range.from) * factor;
  return clampRange({ from, to: from + (range.to - range.from) * factor }, full);
}

const S = 1e9;
const LONG_STEPS = [
  10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
].map((s) => s * S);

/** Step of ticks: at least `least` ns, and a number that people count in. */
export function tickStep(least: number): number {
  if (least > 5 * S) {
    const step = LONG_STEPS.find((long) => long >= least);
    if (step !== undefined) return step;
    return Math.ceil(least / (86400 * S)) * 86400 * S;
  }
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  const step = [1, 2, 5, 10].find((nice) => nice * power >= least) as number;
  return step * power;
}

const UNITS: readonly [size: number, name: string][] = [
  [1, 'ns'],
  [1e3, 'µs'],
  [1e6, 'ms'],
  [1e9, 's'],
];

/** What stands at a tick of an axis that ends at `to`: `0`, `250 ms`, `300.5 s`, `2:30`. */
export function formatTick(t: number, step: number, to: number): string {
  if (Math.abs(t) < step / 2) return '0';
  if (step >= 10 * S) return formatClock(Math.round(t / S));
  // The largest unit that the step reaches, or a larger one when the figures would get long.
  let unit = UNITS.findLastIndex(([size]) => size <= step);
  while (unit < UNITS.length - 1 && to / UNITS[Math.max(unit, 0)]![0] >= 2000) unit++;
  const [size, name] = UNITS[Math.max(unit, 0)]!;
  const digits = Math.max(0, Math.ceil(-Math.log10(step / size) - 1e-9));
  return `${(t / size).toFixed(digits).replace('-', '\u2212')}\u00a0${name}`;
}

/** An instant of the trace, as exact as `resolution` (ns) asks for: `247.3126 s`. */
export function formatPosition(t: number, resolution: number): string {
  const step = 10 ** Math.floor(Math.log10(Math.max(1, resolution)));
  return formatTick(t, Math.min(step, S), Math.abs(t));
}

/** `2:30` or `1:02:30`. */
function formatClock(seconds: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const size = Math.abs(seconds);
  const hours = Math.floor(size / 3600);
  const minutes = Math.floor(size / 60) % 60;
  const clock =
    hours > 0 ? `${hours}:${two(minutes)}:${two(size % 60)}` : `${minutes}:${two(size % 60)}`;
  return seconds < 0 ? `\u2212${clock}` : clock;
}

/** Indents of the tree. */
export interface Indent {
  /** Px a level. */
  step: number;
  /** Level from which rows are not moved further to the right. */
  cap: number;
}

/** Left edge of the first level, px. */
export const TREE_PAD = 10;

const INDENT_STEP = 12;
const INDENT_STEP_MIN = 5;

/** Indents with which the deepest row still leaves over half of a tree of `width` px to names. */
export function indentFor(maxDepth: number, width: number): Indent {
  const room = width * 0.45;
  const step = Math.min(INDENT_STEP, Math.max(INDENT_STEP_MIN, room / Math.max(1, maxDepth)));
  return { step, cap: Math.max(1, Math.floor(room / step)) };
}

/** Left edge of a row at `depth`. */
export function indentX(depth: number, { step, cap }: Indent): number {
  return TREE_PAD + Math.min(depth, cap) * step;
}

/** Words for the duration beside a bar. */
export function durationLabel(ns: number): string {
  if (ns < 0) return `${formatDuration(ns)}, ends before it starts`;
  return ns === 0 ? 'no duration' : formatDuration(ns);
}
