// What pointer and keys do on the heatmap. Everything is drawn on elements that are there already: no render per movement.

import { spanned, type CellBox, type Place } from './heat';
import type { AxisView } from './axisView';
import { LEFT, RIGHT, type Layout } from './heatPaint';

/** What the heatmap shows now, and what may be done with it. */
export interface HeatNow {
  layout: Layout;
  /** The box that the results are narrowed to. */
  chosen: CellBox | undefined;
  /** What some cells hold, in words. */
  describe: (cells: CellBox) => string;
  choose: (cells: CellBox | undefined) => void;
  open: (traceId: string) => void;
}

/** A press that moves less than this, in px, is a click. */
const CLICK_PX = 4;
/** What is read out waits for the keys to rest, ms. */
const SAY_MS = 350;

/** See the module. */
export class HeatPointer {
  now: HeatNow | undefined;
  private readonly off = new AbortController();
  private readonly hover: HTMLElement;
  private readonly box: HTMLElement;
  private readonly tip: HTMLElement;
  private readonly said: HTMLElement;
  /** Where a box begins that is being drawn, and the point at which it was pressed. */
  private from: Place | undefined;
  private pressed = { x: 0, y: 0 };
  private to: Place | undefined;
  /** Where the keys are. */
  private cursor: Place | undefined;
  private timer = 0;
  /** Where the axis is held that is being dragged. */
  private held: number | undefined;

  constructor(
    private readonly cover: HTMLElement,
    private readonly axis: AxisView,
  ) {
    const part = (name: string): HTMLElement =>
      cover.parentElement?.querySelector(`[data-part=${name}]`) as HTMLElement;
    [this.hover, this.box, this.tip, this.said] = ['hover', 'box', 'tip', 'said'].map(part) as [
      HTMLElement,
      HTMLElement,
      HTMLElement,
      HTMLElement,
    ];
    const { signal } = this.off;
    cover.addEventListener('pointerdown', this.onDown, { signal });
    cover.addEventListener('pointermove', this.onMove, { signal });
    cover.addEventListener('pointerup', this.onUp, { signal });
    cover.addEventListener('pointercancel', this.onCancel, { signal });
    cover.addEventListener('pointerleave', this.onLeave, { signal });
    cover.addEventListener('dblclick', this.onDouble, { signal });
    cover.addEventListener('wheel', this.onWheel, { signal, passive: false });
    cover.addEventListener('keydown', this.onKey, { signal });
    cover.addEventListener('blur', this.onLeave, { signal });
  }

  stop(): void {
    this.off.abort();
    clearTimeout(this.timer);
  }

  /** Shows the box as it is now. */
  redraw(): void {
    const drawn = this.from && this.to && spanned(this.from, this.to);
    this.put(this.box, drawn ?? this.now?.chosen);
  }

  private point(event: MouseEvent): { x: number; y: number } {
    const { left, top } = this.cover.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  private readonly onDown = (event: PointerEvent): void => {
    const layout = this.now?.layout;
    const { x, y } = this.point(event);
    const isPan = event.button === 1 || (event.button === 0 && event.shiftKey);
    if (!layout || (event.button !== 0 && !isPan) || !layout.isInside(x, y)) return;
    this.cover.setPointerCapture(event.pointerId);
    if (isPan) {
      event.preventDefault();
      this.hide();
      this.held = x;
      return;
    }
    this.from = layout.place(x, y);
    this.to = undefined;
    this.pressed = { x, y };
  };

  private readonly onMove = (event: PointerEvent): void => {
    const layout = this.now?.layout;
    if (!layout) return;
    const { x, y } = this.point(event);
    if (this.held !== undefined) {
      this.axis.pan((this.held - x) / this.room(layout));
      this.held = x;
      return;
    }
    if (this.from) {
      const far = Math.max(Math.abs(x - this.pressed.x), Math.abs(y - this.pressed.y));
      if (this.to || far >= CLICK_PX) this.to = layout.place(x, y);
      this.redraw();
      if (this.to) this.show(spanned(this.from, this.to), x, y);
      return;
    }
    if (!layout.isInside(x, y)) return this.hide();
    const { column, row } = layout.place(x, y);
    const cells = { left: column, right: column, low: row, high: row };
    const isEmpty = !layout.heat.at(column, row);
    this.put(this.hover, isEmpty ? undefined : cells);
    this.cover.style.cursor = isEmpty ? 'crosshair' : 'pointer';
    if (isEmpty) this.tip.hidden = true;
    else this.show(cells, x, y);
  };

  private room(layout: Layout): number {
    return Math.max(1, layout.width - LEFT - RIGHT);
  }

  /** With Ctrl the wheel zooms, with Shift or to the side it moves the axis; else it scrolls the page. */
  private readonly onWheel = (event: WheelEvent): void => {
    const layout = this.now?.layout;
    if (!layout) return;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const by = Math.sign(event.deltaY) * Math.min(Math.abs(event.deltaY), 100) * 0.004;
      this.hide();
      this.axis.zoom(Math.exp(by), layout.share(this.point(event).x));
      return;
    }
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (sideways === 0 || (!event.shiftKey && Math.abs(sideways) < Math.abs(event.deltaY))) return;
    event.preventDefault();
    this.hide();
    this.axis.pan(sideways / this.room(layout));
  };

  private readonly onDouble = (): void => {
    if (this.now?.chosen) this.now.choose(undefined);
    else this.axis.reset();
  };

  private readonly onUp = (event: PointerEvent): void => {
    if (this.held !== undefined) {
      this.held = undefined;
      return;
    }
    const { from, to, now } = this;
    this.from = this.to = undefined;
    if (!from || !now) return;
    if (to) {
      this.hide();
      now.choose(spanned(from, to));
      return;
    }
    const cell = now.layout.heat.at(from.column, from.row);
    // Of a double click only the first press opens anything.
    if (cell && event.detail < 2) now.open(cell.traceId);
  };

  private readonly onCancel = (): void => {
    this.from = this.to = this.held = undefined;
    this.redraw();
  };

  private readonly onLeave = (): void => {
    if (!this.from) this.hide();
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    const { now } = this;
    if (!now || event.ctrlKey || event.metaKey || event.altKey) return;
    const { heat } = now.layout;
    const steps: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, 1],
      ArrowDown: [0, -1],
      PageUp: [0, 8],
      PageDown: [0, -8],
      Home: [-heat.columns, 0],
      End: [heat.columns, 0],
    };
    const step = steps[event.key];
    if (step) {
      this.moveCursor(step, event.shiftKey);
    } else if (this.zoomKey(event.key)) {
      this.hide();
    } else if (event.key === 'Enter') {
      this.enter();
    } else if (event.key === 'Escape' && (this.from ?? now.chosen)) {
      this.from = this.to = undefined;
      now.choose(undefined);
      this.redraw();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  /** Zooms around the cell where the keys are. Returns whether the key was one for it. */
  private zoomKey(key: string): boolean {
    const { cursor, axis, now } = this;
    const at = cursor && now && now.layout.share(now.layout.x(cursor.column + 0.5));
    if (key === '+' || key === '=') axis.zoomIn(at);
    else if (key === '-') axis.zoomOut(at);
    else if (key === '0') axis.reset();
    else return false;
    return true;
  }

  private moveCursor([columns, rows]: [number, number], grows: boolean): void {
    const { now } = this;
    if (!now) return;
    const { heat } = now.layout;
    const at = this.cursor ?? this.first();
    if (grows) this.from ??= at;
    else this.from = this.to = undefined;
    const clamp = (value: number, count: number): number => Math.max(0, Math.min(count - 1, value));
    const moved = this.cursor
      ? { column: clamp(at.column + columns, heat.columns), row: clamp(at.row + rows, heat.rows) }
      : at;
    this.cursor = moved;
    if (grows) this.to = moved;
    this.redraw();
    const cells = this.from && this.to ? spanned(this.from, this.to) : spanned(moved, moved);
    this.put(this.hover, spanned(moved, moved));
    this.show(cells, now.layout.x(moved.column + 0.5), now.layout.y(moved.row + 0.5));
    this.say(now.describe(cells));
  }

  /** The fullest cell: where the keys begin. */
  private first(): Place {
    let [most, place] = [0, { column: 0, row: 0 }];
    for (const [column, row, { count }] of this.now?.layout.heat.all() ?? [])
      if (count > most) [most, place] = [count, { column, row }];
    return place;
  }

  private enter(): void {
    const { now, from, to, cursor } = this;
    if (!now || !cursor) return;
    if (from && to) {
      this.from = this.to = undefined;
      this.hide();
      now.choose(spanned(from, to));
      return;
    }
    const cell = now.layout.heat.at(cursor.column, cursor.row);
    if (cell) now.open(cell.traceId);
  }

  private say(text: string): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => (this.said.textContent = text), SAY_MS);
  }

  private put(element: HTMLElement, cells: CellBox | undefined): void {
    const layout = this.now?.layout;
    element.hidden = !cells || !layout;
    if (!cells || !layout) return;
    const within = (at: number): number => Math.min(Math.max(at, LEFT), layout.width - RIGHT);
    const [x, y] = [within(layout.x(cells.left)), layout.y(cells.high + 1)];
    Object.assign(element.style, {
      left: `${x}px`,
      top: `${y}px`,
      width: `${Math.max(2, within(layout.x(cells.right + 1)) - x)}px`,
      height: `${Math.max(2, layout.y(cells.low) - y)}px`,
    });
  }

  private show(cells: CellBox, x: number, y: number): void {
    const { now, tip } = this;
    if (!now) return;
    const [what, ...where] = now.describe(cells).split('; ');
    tip.replaceChildren();
    const head = document.createElement('b');
    head.textContent = what ?? '';
    const rest = document.createElement('span');
    rest.textContent = where.join(', ');
    tip.append(head, rest);
    tip.hidden = false;
    const room = now.layout.width - tip.offsetWidth - 4;
    tip.style.left = `${Math.max(4, Math.min(x + 14, room))}px`;
    tip.style.top = `${Math.max(0, y > 120 ? y - tip.offsetHeight - 12 : y + 16)}px`;
  }

  private hide(): void {
    this.hover.hidden = true;
    this.tip.hidden = true;
  }
}
