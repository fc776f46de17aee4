// Draws one frame of the waterfall: row tints, tree guides, grid, bars. Only the rows in view; nothing is kept.
//
//   thick: the span itself works     ▇▇▇▬▬▬▬▬▇▇     thin: it waits for children
//   line beneath: critical path      ━━━     ━━
//   red frame: error                 ◇  no duration       ▸ goes on beyond the view
//   band between jagged lines: idle time that was cut out
//   a folded run: its spans          ▏▇ ▇▇ ▏▇             within the time that they take together

import type { CriticalPath } from './criticalPath';
import type { FoldStats } from './folds';
import { formatDuration } from '../lib/duration';
import { ticksOf, type TimeAxis } from './axis';
import type { CutPlace } from './axis';
import { durationLabel, indentX, type Indent } from './layout';
import { paintCuts } from './paintCuts';
import type { Palette } from './palette';
import { STATUS_ERROR } from './skeleton';
import { Strokes } from './strokes';
import type { TraceStore } from './store';

/** Everything a frame depends on. */
export interface Frame {
  context: CanvasRenderingContext2D;
  store: TraceStore;
  palette: Palette;
  /** Colour slot of each service. */
  slots: Uint8Array;
  width: number;
  height: number;
  rowHeight: number;
  treeWidth: number;
  indent: Indent;
  axis: TimeAxis;
  /** First position in view, and where its top edge is. */
  first: number;
  firstY: number;
  /** Row under the pointer, or -1, and the pointer's place on the axis, or -1. */
  hoverRow: number;
  hoverX: number;
}

/** Least distance of grid lines, px. */
export const TICK_GAP = 96;

const BAR = 10;
const THIN = 3;
/** Opacity of rows that are there only to keep the place of others. */
const CONTEXT = 0.4;

/** Draws `frame`. */
export function paint(frame: Frame): void {
  const { context, width, height, palette } = frame;
  context.clearRect(0, 0, width, height);
  const rows = rowsOf(frame);
  for (const [row, y] of rows) paintTint(frame, row, y);
  paintGuides(frame, rows);
  context.save();
  context.beginPath();
  context.rect(frame.treeWidth, 0, width - frame.treeWidth, height);
  context.clip();
  context.translate(frame.treeWidth, 0);
  paintGrid(frame, rows.length * frame.rowHeight + frame.firstY);
  context.font = `11px ${palette.font}`;
  context.textBaseline = 'alphabetic';
  const path = frame.store.critical ? frame.store.criticalPath() : undefined;
  const opacity = (row: number): number => (frame.store.visible.isContext(row) ? CONTEXT : 1);
  const places = rows.map(([row]) => placeOf(frame, row));
  for (const [i, [row, y]] of rows.entries()) {
    context.globalAlpha = opacity(row);
    paintBar(frame, row, places[i] as Place, y);
    context.globalAlpha = 1;
    if (path) paintCritical(frame, path, row, y);
  }
  const cuts = frame.axis.places();
  paintCuts(
    context,
    cuts,
    palette,
    0,
    Math.min(height, rows.length * frame.rowHeight + frame.firstY),
  );
  for (const [i, [row, y]] of rows.entries()) {
    context.globalAlpha = opacity(row);
    paintLabel(frame, row, places[i] as Place, Math.round(y + frame.rowHeight / 2), cuts);
  }
  context.restore();
}

function rowsOf({ store, first, firstY, height, rowHeight }: Frame): [row: number, y: number][] {
  const rows: [number, number][] = [];
  for (
    let position = first, y = firstY;
    y < height && position < store.visible.count;
    position++, y += rowHeight
  ) {
    rows.push([store.visible.at(position), y]);
  }
  return rows;
}

function paintTint(
  { context, store, palette, width, rowHeight, hoverRow }: Frame,
  row: number,
  y: number,
): void {
  const { color } = palette;
  const isCursor = row === store.cursor;
  const isError = hasError(store, row);
  if (!isCursor && !isError && row !== hoverRow) return;
  context.fillStyle = isCursor ? color.selected : isError ? color['error-soft'] : color.hover;
  context.fillRect(0, y, width, rowHeight);
  if (!isCursor) return;
  context.fillStyle = color.accent;
  context.fillRect(0, y, 2, rowHeight);
}

/** Lines from each row to its parent, and past it to the parent's further children. */
function paintGuides(
  { context, store, palette, rowHeight, indent }: Frame,
  rows: readonly [number, number][],
): void {
  const { skeleton, visible } = store;
  const { parentRow, depth } = skeleton.columns;
  context.strokeStyle = palette.color.guide;
  context.lineWidth = 1;
  context.beginPath();
  for (const [row, y] of rows) {
    const middle = Math.round(y + rowHeight / 2) + 0.5;
    for (let child = row, isOwn = true; ; isOwn = false) {
      const parent = parentRow[child] as number;
      if (parent === -1) break;
      const level = depth[parent] as number;
      const end = visible.isFolded(child) ? visible.folds.end(child) : skeleton.end(child);
      const goesOn = end < skeleton.end(parent);
      if (level < indent.cap) {
        const x = Math.round(indentX(level, indent) + 6) + 0.5;
        if (isOwn) {
          context.moveTo(x, middle);
          const hasChevron = skeleton.childCount[row] || visible.isFolded(row);
          context.lineTo(x + indent.step - (hasChevron ? 5 : 1), middle);
        }
        if (isOwn || goesOn) {
          context.moveTo(x, y);
          context.lineTo(x, goesOn ? y + rowHeight : middle);
        }
      }
      child = parent;
    }
  }
  context.stroke();
}

function paintGrid(
  { context, axis, palette, width, treeWidth, height, hoverX }: Frame,
  end: number,
): void {
  const bottom = Math.min(height, end);
  context.strokeStyle = palette.color.line;
  context.lineWidth = 1;
  context.beginPath();
  for (const tick of ticksOf(axis, TICK_GAP).at) {
    const x = Math.round(axis.x(tick)) + 0.5;
    context.moveTo(x, 0);
    context.lineTo(x, bottom);
  }
  context.stroke();
  if (hoverX < 0 || hoverX > width - treeWidth) return;
  context.strokeStyle = palette.color['line-control'];
  context.beginPath();
  context.moveTo(Math.round(hoverX) + 0.5, 0);
  context.lineTo(Math.round(hoverX) + 0.5, bottom);
  context.stroke();
}

/** Where a bar is drawn: its ends on the axis, and what stands there instead of a bar. */
interface Place {
  left: number;
  right: number;
  shape: 'bar' | 'diamond';
  label: string;
}

/** True for a span with an error, and for a folded run that has one. */
function hasError({ skeleton, visible }: TraceStore, row: number): boolean {
  if (visible.isFolded(row)) return visible.folds.statsOf(row).errors > 0;
  return skeleton.columns.status[row] === STATUS_ERROR;
}

/** Words beside the bar of a folded run. */
export function foldLabel({ median, sum }: FoldStats): string {
  return `median ${formatDuration(median)}, sum ${formatDuration(sum)}`;
}

function placeOf({ store, axis }: Frame, row: number): Place {
  const { skeleton, visible } = store;
  const { start, duration, parentRow } = skeleton.columns;
  if (visible.isFolded(row)) {
    const stats = visible.folds.statsOf(row);
    if (stats.from < stats.to) {
      const left = axis.x(stats.from);
      const right = Math.max(axis.x(stats.to), left + 2);
      return { left, right, shape: 'bar', label: foldLabel(stats) };
    }
  }
  const length = duration[row] as number;
  if (skeleton.hasNoStart(row)) {
    // Its place is unknown: it stands where the nearest ancestor that has a start stands.
    let up = parentRow[row] as number;
    while (up !== -1 && skeleton.hasNoStart(up)) up = parentRow[up] as number;
    const x = axis.x(up === -1 ? 0 : (start[up] as number));
    return { left: x - 4, right: x + 4, shape: 'diamond', label: 'no start time' };
  }
  const from = axis.x(start[row] as number);
  if (length <= 0)
    return { left: from - 4, right: from + 4, shape: 'diamond', label: durationLabel(length) };
  const to = axis.x((start[row] as number) + length);
  return { left: from, right: Math.max(to, from + 2), shape: 'bar', label: durationLabel(length) };
}

function paintBar(frame: Frame, row: number, place: Place, y: number): void {
  const { context, store, palette, slots, rowHeight, width, treeWidth } = frame;
  const { columns } = store.skeleton;
  const room = width - treeWidth;
  const middle = Math.round(y + rowHeight / 2);
  const color = palette.slots[slots[columns.service[row] as number] as number] as string;
  context.fillStyle = color;
  if (place.right < 0 || place.left > room) {
    paintAway(context, place.right < 0 ? 4 : room - 4, place.right < 0 ? -1 : 1, middle);
  } else if (place.shape === 'diamond') {
    paintDiamond(context, color, place.left + 4, middle);
  } else {
    paintSpan(frame, row, place, middle);
  }
  if (hasError(store, row) && place.right >= 0 && place.left <= room) {
    const left = Math.max(place.left, 4) - 2.5;
    context.strokeStyle = palette.color.error;
    context.lineWidth = 1.5;
    context.strokeRect(
      left,
      middle - BAR / 2 - 2.5,
      Math.min(place.right, room + 20) + 2.5 - left,
      BAR + 5,
    );
  }
}

function paintSpan(frame: Frame, row: number, { left, right }: Place, middle: number): void {
  const { context, store, axis, width, treeWidth } = frame;
  const from = Math.max(left, -BAR);
  const to = Math.min(right, width - treeWidth + BAR);
  if (store.visible.isFolded(row)) {
    paintMembers(frame, row, from, to, middle);
  } else if (store.skeleton.childCount[row] === 0) {
    context.fillRect(from, middle - BAR / 2, to - from, BAR);
  } else {
    paintWaiting(context, from, to, middle);
    const strokes = new Strokes(context, from, to, middle - BAR / 2, BAR);
    const stretches = store.selfTimes.of(row);
    for (let i = 0; i < stretches.length; i += 2)
      strokes.add(axis.x(stretches[i] as number), axis.x(stretches[i + 1] as number));
  }
  const room = width - treeWidth;
  if (left < 0) paintAway(context, 4, -1, middle);
  if (right > room) paintAway(context, room - 4, 1, middle);
}

/** The ground of a bar: a shade, and a thin line in its middle. */
function paintWaiting(
  context: CanvasRenderingContext2D,
  from: number,
  to: number,
  middle: number,
): void {
  const alpha = context.globalAlpha;
  context.globalAlpha = alpha * 0.2;
  context.fillRect(from, middle - BAR / 2, to - from, BAR);
  context.globalAlpha = alpha;
  context.fillRect(from, middle - THIN / 2, to - from, THIN);
}

/** The spans of a folded run. */
function paintMembers(frame: Frame, head: number, from: number, to: number, middle: number): void {
  const { context, store, axis } = frame;
  const { start, duration } = store.skeleton.columns;
  const alpha = context.globalAlpha;
  context.globalAlpha = alpha * 0.2;
  context.fillRect(from, middle - BAR / 2, to - from, BAR);
  context.globalAlpha = alpha;
  const strokes = new Strokes(context, from, to, middle - BAR / 2, BAR);
  for (const row of store.visible.folds.members(head)) {
    const left = axis.x(start[row] as number);
    // A gap of a pixel keeps neighbours apart where there is room for it.
    const right = axis.x((start[row] as number) + Math.max(0, duration[row] as number));
    strokes.add(left, right - left > 4 ? right - 1 : right);
  }
}

/** A line beneath the bar where the critical path passes; a row that hides others stands for them too. */
function paintCritical(frame: Frame, path: CriticalPath, row: number, y: number): void {
  const { context, store, axis, palette, rowHeight, width, treeWidth } = frame;
  const { visible, skeleton } = store;
  const top = Math.round(y + rowHeight / 2) + BAR / 2 + 2;
  context.fillStyle = palette.color.ink;
  const strokes = new Strokes(context, -BAR, width - treeWidth + BAR, top, 3);
  if (!visible.isClosed(row)) {
    const stretches = path.stretchesOf(row);
    for (let i = 0; i < stretches.length; i += 2)
      strokes.add(axis.x(stretches[i] as number), axis.x(stretches[i + 1] as number));
    return;
  }
  const members = visible.isFolded(row) ? visible.folds.members(row) : [row];
  for (const member of members) {
    const extent = path.extent(member, skeleton.end(member));
    if (extent) strokes.add(axis.x(extent[0]), axis.x(extent[1]));
  }
}

/** An arrow at the edge: the bar, or more of it, lies beyond. */
function paintAway(
  context: CanvasRenderingContext2D,
  x: number,
  direction: 1 | -1,
  middle: number,
): void {
  context.beginPath();
  context.moveTo(x + 3 * direction, middle);
  context.lineTo(x - 3 * direction, middle - 5);
  context.lineTo(x - 3 * direction, middle + 5);
  context.fill();
}

function paintDiamond(
  context: CanvasRenderingContext2D,
  color: string,
  x: number,
  middle: number,
): void {
  context.strokeStyle = color;
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(x, middle - 4.5);
  context.lineTo(x + 4.5, middle);
  context.lineTo(x, middle + 4.5);
  context.lineTo(x - 4.5, middle);
  context.closePath();
  context.stroke();
}

const widths = new Map<string, number>();

function textWidth(context: CanvasRenderingContext2D, text: string): number {
  const key = `${context.font}|${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    if (widths.size > 5000) widths.clear();
    width = context.measureText(text).width;
    widths.set(key, width);
  }
  return width;
}

/** Room between a bar and its label, and around it, px. */
const LABEL_GAP = 7;

/** The duration: beside the bar where there is room, else on it. */
function paintLabel(
  frame: Frame,
  row: number,
  { left, right, label }: Place,
  middle: number,
  cuts: readonly CutPlace[],
): void {
  const { context, store, palette, width, treeWidth, hoverRow } = frame;
  const { color } = palette;
  const room = width - treeWidth;
  const length = textWidth(context, label);
  const from = Math.max(left, 0);
  const to = Math.min(right, room);
  let x = Math.max(to, 12) + LABEL_GAP;
  if (x + length > room - 4) x = Math.min(from, room - 12) - LABEL_GAP - length;
  const isOnBar = x < 4;
  if (isOnBar) x = to - length - 10;
  if (isOnBar || cuts.some((cut) => cut.left < x + length && cut.right > x)) {
    const isError = hasError(store, row);
    context.fillStyle =
      row === store.cursor
        ? color.selected
        : isError
          ? color['error-soft']
          : row === hoverRow
            ? color.hover
            : color.surface;
    context.fillRect(x - 4, middle - 7, length + 8, 14);
  }
  context.fillStyle = row === store.cursor ? color.text : color['text-2'];
  context.fillText(label, x, middle + 4);
}
