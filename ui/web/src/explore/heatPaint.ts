// Draws the heatmap and, under it on the same time axis, how many there are and how many have errors.

import { shortNumber, timeTicks } from '../chart/scale';
import { formatDuration } from '../lib/duration';
import type { Zone } from '../lib/zone';
import type { Palette } from '../trace/palette';
import { rampStep, type Heat } from './heat';
import type { Span } from './zoom';

/** Room on the left for the labels of durations, and on the right. */
export const LEFT = 62;
export const RIGHT = 12;
const TOP = 6;
/** Height of the cells, and of the bars with their axis. */
export const HEAT_HEIGHT = 204;
/** Tallest cell. */
const CELL_MAX = 14;
const GAP = 10;
const BARS = 40;
const AXIS = 20;
export const HEIGHT = TOP + HEAT_HEIGHT + GAP + BARS + AXIS;

/** The part of the columns that is shown, with fractions; beyond them there is nothing. */
export interface Window {
  from: number;
  to: number;
}

/** The part of `heat` that lies in a stretch of time; undefined when it is the whole of it, or nothing of it is there. */
export function windowOf(heat: Heat, { start, end }: Span): Window | undefined {
  const [from, to] = [heat.columnOf(start), heat.columnOf(end)];
  const isWhole = Math.abs(from) < 0.5 && Math.abs(to - heat.columns) < 1;
  return isWhole || !(to > 0 && from < heat.columns && to > from) ? undefined : { from, to };
}

/** Where cells lie on a canvas of some width. */
export class Layout {
  readonly window: Window;
  readonly cellWidth: number;
  readonly cellHeight: number;
  /** Lower edge of the cells: few rows stand in the middle. */
  private readonly bottom: number;

  constructor(
    readonly heat: Heat,
    readonly width: number,
    window?: Window,
  ) {
    this.window = window ?? { from: 0, to: Math.max(1, heat.columns) };
    this.cellWidth = Math.max(1, width - LEFT - RIGHT) / (this.window.to - this.window.from);
    this.cellHeight = Math.min(CELL_MAX, HEAT_HEIGHT / Math.max(1, heat.rows));
    this.bottom = TOP + (HEAT_HEIGHT + heat.rows * this.cellHeight) / 2;
  }

  /** Left edge of a column, with a fraction. */
  x(column: number): number {
    return LEFT + (column - this.window.from) * this.cellWidth;
  }

  /** Where a place is between the ends of the time axis: 0 at its start, 1 at its end. */
  share(x: number): number {
    const room = Math.max(1, this.width - LEFT - RIGHT);
    return Math.min(1, Math.max(0, (x - LEFT) / room));
  }

  /** Lower edge of a row, with a fraction. */
  y(row: number): number {
    return this.bottom - row * this.cellHeight;
  }

  /** The place at a point of the canvas, moved inside if it is outside. */
  place(x: number, y: number): { column: number; row: number } {
    const clamp = (value: number, most: number): number =>
      Math.max(0, Math.min(most, Math.floor(value)));
    return {
      column: clamp(this.window.from + (x - LEFT) / this.cellWidth, this.heat.columns - 1),
      row: clamp((this.bottom - y) / this.cellHeight, this.heat.rows - 1),
    };
  }

  /** True for a point on the cells. */
  isInside(x: number, y: number): boolean {
    return x >= LEFT && x <= this.width - RIGHT && y >= TOP && y <= TOP + HEAT_HEIGHT;
  }
}

/** Draws everything. */
export function paint(
  context: CanvasRenderingContext2D,
  layout: Layout,
  zone: Zone,
  palette: Palette,
): void {
  context.clearRect(0, 0, layout.width, HEIGHT);
  context.font = `11px ${palette.font}`;
  context.textBaseline = 'middle';
  grid(context, layout, palette);
  quantiles(context, layout, palette);
  context.save();
  context.beginPath();
  context.rect(LEFT, 0, layout.width - LEFT - RIGHT, HEIGHT);
  context.clip();
  cells(context, layout, palette);
  const most = bars(context, layout, palette);
  context.restore();
  rates(context, layout, palette, most);
  times(context, layout, zone, palette);
}

function grid(context: CanvasRenderingContext2D, layout: Layout, { color }: Palette): void {
  const { heat, width } = layout;
  context.textAlign = 'right';
  let last = Infinity;
  const label = (text: string, y: number): void => {
    // Labels keep their distance.
    if (last - y < 16 || y < 0) return;
    last = y;
    context.fillStyle = color['text-3'];
    context.fillText(text, LEFT - 8, Math.max(TOP + 5, y));
  };
  if (heat.edges[0] === 0n) label('0', layout.y(0.5));
  context.strokeStyle = color['line-2'];
  context.setLineDash([1, 3]);
  for (const tick of heat.ticks()) {
    const y = Math.round(layout.y(heat.rowOf(tick))) + 0.5;
    label(roundDuration(tick), y);
    context.beginPath();
    context.moveTo(LEFT, y);
    context.lineTo(width - RIGHT, y);
    context.stroke();
  }
  context.setLineDash([]);
  line(context, color['line-2'], LEFT, TOP + HEAT_HEIGHT, width - RIGHT);
}

/** A round duration without digits that say nothing: `10 ms`, `1 m`, `10 h`. */
function roundDuration(ns: bigint): string {
  return formatDuration(ns)
    .replace(/\.0+(?=\D)/, '')
    .replace(/(?<=[a-z])\s00\s\S+$/, '');
}

function line(
  context: CanvasRenderingContext2D,
  color: string,
  from: number,
  y: number,
  to: number,
): void {
  context.fillStyle = color;
  context.fillRect(from, Math.round(y), to - from, 1);
}

function cells(context: CanvasRenderingContext2D, layout: Layout, { color }: Palette): void {
  const { heat, cellWidth, cellHeight } = layout;
  const gapX = cellWidth > 3 ? 1 : 0;
  const gapY = cellHeight > 3 ? 1 : 0;
  for (const [column, row, { count, errors }] of heat.all()) {
    const [x, right] = [Math.round(layout.x(column)), Math.round(layout.x(column + 1))];
    const [y, bottom] = [Math.round(layout.y(row + 1)), Math.round(layout.y(row))];
    context.fillStyle = color[`heat-${rampStep(count, heat.most)}` as 'heat-1'];
    context.fillRect(x, y, Math.max(1, right - x - gapX), Math.max(1, bottom - y - gapY));
    if (errors === 0) continue;
    context.fillStyle = color.error;
    const size = Math.min(3, Math.max(2, right - x - gapX), Math.max(2, bottom - y - gapY));
    context.fillRect(
      Math.round((x + right - gapX - size) / 2),
      Math.round((y + bottom - gapY - size) / 2),
      size,
      size,
    );
  }
}

/** Ticks where half, 95 % and 99 % lie below. */
function quantiles(context: CanvasRenderingContext2D, layout: Layout, { color }: Palette): void {
  const quantile = layout.heat.answer.duration_quantiles;
  if (!quantile) return;
  context.fillStyle = color.text;
  for (const ns of [quantile.p50_ns, quantile.p95_ns, quantile.p99_ns])
    context.fillRect(LEFT - 5, Math.round(layout.y(layout.heat.rowOf(ns))), 5, 1.5);
}

const BARS_TOP = TOP + HEAT_HEIGHT + GAP;

/** Draws the counts of each column, and returns the most. */
function bars(context: CanvasRenderingContext2D, layout: Layout, { color }: Palette): number {
  const { heat, width } = layout;
  const { count: counts, error_count: errors } = heat.answer.timeline;
  const most = counts.reduce((max, count) => Math.max(max, count), 1);
  const bottom = BARS_TOP + BARS;
  for (const [column, count] of counts.entries()) {
    if (count === 0) continue;
    const [x, right] = [Math.round(layout.x(column)), Math.round(layout.x(column + 1))];
    const wide = Math.max(1, right - x - (right - x > 3 ? 1 : 0));
    const height = Math.max(1, (count / most) * BARS);
    context.globalAlpha = 0.75;
    context.fillStyle = color['line-control'];
    context.fillRect(x, bottom - height, wide, height);
    context.globalAlpha = 1;
    const failed = errors[column] ?? 0;
    if (failed === 0) continue;
    const red = Math.max(2, (failed / most) * BARS);
    context.fillStyle = color.error;
    context.fillRect(x, bottom - red, wide, red);
  }
  line(context, color['line-2'], LEFT, bottom, width - RIGHT);
  return most;
}

function rates(
  context: CanvasRenderingContext2D,
  { heat }: Layout,
  { color }: Palette,
  most: number,
): void {
  const bottom = BARS_TOP + BARS;
  context.fillStyle = color['text-3'];
  context.textAlign = 'right';
  context.fillText(rate(most, heat), LEFT - 8, BARS_TOP + 5);
  context.fillText('0', LEFT - 8, bottom - 3);
}

/** The most in a column as a rate: by the second, the minute or the hour, whichever gives a number above one. */
export function rate(count: number, heat: Heat): string {
  const seconds = Number(heat.width) / 1e9;
  for (const [unit, size] of [
    ['s', 1],
    ['min', 60],
    ['h', 3600],
  ] as const)
    if ((count / seconds) * size >= 1) return `${shortNumber((count / seconds) * size)}/${unit}`;
  return `${shortNumber((count / seconds) * 86_400)}/d`;
}

function times(
  context: CanvasRenderingContext2D,
  layout: Layout,
  zone: Zone,
  { color }: Palette,
): void {
  const { heat, width } = layout;
  const ms = (column: number): number => Number(heat.time(column)) / 1e6;
  const y = BARS_TOP + BARS + 12;
  let free = 0;
  const start = ms(0);
  const column = (ms(heat.columns) - start) / Math.max(1, heat.columns);
  for (const { at, label } of timeTicks(
    start + layout.window.from * column,
    start + layout.window.to * column,
    Math.max(2, Math.floor(width / 120)),
    zone,
  )) {
    const x = layout.x(heat.columnOf(BigInt(Math.round(at * 1e6))));
    context.fillStyle = color['line-control'];
    context.fillRect(Math.round(x), BARS_TOP + BARS, 1, 4);
    context.fillStyle = color['text-3'];
    const half = context.measureText(label).width / 2;
    const middle = Math.min(Math.max(x, LEFT + half), width - half - 2);
    if (middle - half < free) continue;
    free = middle + half + 8;
    context.textAlign = 'center';
    context.fillText(label, middle, y);
  }
}
