// The minimap: the whole trace in a strip, with the shown range as a window. Dragging draws a new range, dragging the
// window moves it, its edges can be dragged or moved by arrow keys.

import { FrameLoop, sizeCanvas } from './canvas';
import { ticksOf, TimeAxis, AXIS_PAD } from './axis';
import { formatPosition, formatTick, type TimeRange } from './layout';
import styles from './minimap.module.css';
import { paintCuts } from './paintCuts';
import { onPaletteChange, packedColor, readPalette, slotsOf, type Palette } from './palette';
import { rasterRows } from './raster';
import type { TraceStore } from './store';

/** Height of the figures above, of the lanes, of the marks below, px. */
const HEAD = 20;
const LANES = 44;
const HEIGHT = 74;
/** Pixels that the pointer moves before a press becomes a drag. */
const DRAG_MIN = 4;
/** Width of a stretch that is cut out. */
const CUT_PX = 10;

type Drag = {
  kind: 'new' | 'move' | 'from' | 'to';
  startX: number;
  startRange: TimeRange;
  moved: boolean;
};

function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  parent: HTMLElement,
  className?: string,
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className) element.className = className;
  parent.append(element);
  return element;
}

/** See the module. */
export class Minimap {
  private readonly canvas: HTMLCanvasElement;
  private readonly shades: readonly [HTMLElement, HTMLElement];
  private readonly window: HTMLElement;
  private readonly handles: Record<'from' | 'to', HTMLElement>;
  private readonly picture = new FrameLoop(() => this.drawPicture());
  private readonly brush = new FrameLoop(() => this.drawBrush());
  private readonly cleanups: (() => void)[] = [];
  private palette: Palette = readPalette();
  private axis = new TimeAxis({ from: 0, to: 1 }, 1);
  private width = 0;
  private drag: Drag | undefined;

  constructor(
    private readonly host: HTMLElement,
    private readonly store: TraceStore,
  ) {
    host.classList.add(styles.minimap as string);
    this.canvas = make('canvas', host);
    this.canvas.setAttribute('aria-hidden', 'true');
    this.shades = [make('div', host, styles.shade), make('div', host, styles.shade)];
    this.window = make('div', host, styles.window);
    this.handles = {
      from: this.makeHandle('from', 'Start of the shown range'),
      to: this.makeHandle('to', 'End of the shown range'),
    };
    const observer = new ResizeObserver(() => this.resize());
    observer.observe(host);
    this.cleanups.push(
      () => observer.disconnect(),
      store.on(['range'], this.brush.schedule),
      store.on(['rows', 'options'], () => this.resize()),
      store.on(['find'], this.picture.schedule),
      onPaletteChange(() => {
        this.palette = readPalette();
        this.picture.schedule();
      }),
    );
    host.addEventListener('pointerdown', (event) => this.onDown(event));
    host.addEventListener('pointermove', (event) => this.onMove(event));
    host.addEventListener('pointerup', (event) => this.onUp(event));
    host.addEventListener('dblclick', () => store.setRange(store.full));
    this.resize();
  }

  /** Stops listening and empties the host. */
  destroy(): void {
    for (const cleanup of this.cleanups) cleanup();
    this.picture.stop();
    this.brush.stop();
    this.host.replaceChildren();
  }

  private resize(): void {
    this.width = this.host.clientWidth;
    const { full, cuts } = this.store.time;
    this.axis = new TimeAxis(full, this.width, cuts, CUT_PX);
    this.picture.schedule();
    this.brush.schedule();
  }

  // --- Handles and dragging ------------------------------------------------------------------------------------------

  private makeHandle(end: 'from' | 'to', label: string): HTMLElement {
    const handle = make('div', this.host, styles.handle);
    handle.tabIndex = 0;
    handle.setAttribute('role', 'slider');
    handle.setAttribute('aria-label', label);
    handle.setAttribute('aria-valuemin', '0');
    handle.addEventListener('keydown', (event) => {
      const direction = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0;
      if (direction === 0) return;
      event.preventDefault();
      event.stopPropagation();
      const share = direction * (event.shiftKey ? 0.1 : 0.01);
      this.moveEnd(end, this.store.time.along(this.store.range[end], share));
    });
    return handle;
  }

  private moveEnd(end: 'from' | 'to', t: number): void {
    const { range, full } = this.store;
    const least = full.to / 10_000;
    if (end === 'from')
      this.store.setRange({ from: Math.max(0, Math.min(t, range.to - least)), to: range.to });
    else
      this.store.setRange({
        from: range.from,
        to: Math.min(full.to, Math.max(t, range.from + least)),
      });
  }

  private place(event: PointerEvent): number {
    return event.clientX - this.host.getBoundingClientRect().left;
  }

  private onDown(event: PointerEvent): void {
    if (event.button !== 0) return;
    const { range, full } = this.store;
    const x = this.place(event);
    const t = this.axis.t(x);
    const isWhole = range === full;
    const kind =
      event.target === this.handles.from
        ? 'from'
        : event.target === this.handles.to
          ? 'to'
          : !isWhole && t > range.from && t < range.to
            ? 'move'
            : 'new';
    this.drag = { kind, startX: x, startRange: range, moved: false };
    this.host.setPointerCapture(event.pointerId);
  }

  private onMove(event: PointerEvent): void {
    const { drag, axis, store } = this;
    if (!drag) return;
    const x = this.place(event);
    if (!drag.moved && Math.abs(x - drag.startX) < DRAG_MIN) return;
    drag.moved = true;
    const moved = (t: number): number => axis.t(axis.x(t) + x - drag.startX);
    if (drag.kind === 'new') {
      const [from, to] = [axis.t(drag.startX), axis.t(x)].sort((a, b) => a - b) as [number, number];
      store.setRange({ from: Math.max(0, from), to: Math.min(store.full.to, to) });
    } else if (drag.kind === 'move') {
      store.moveRange(drag.startRange, moved(drag.startRange.from));
    } else {
      this.moveEnd(drag.kind, moved(drag.startRange[drag.kind]));
    }
  }

  /** A press without a drag moves the window there, or zooms in by four where the whole trace is shown. */
  private onUp(event: PointerEvent): void {
    const { drag, store } = this;
    this.drag = undefined;
    if (!drag || drag.moved || drag.kind !== 'new') return;
    const t = this.axis.t(this.place(event));
    if (store.range === store.full) store.zoom(0.25, t);
    else {
      const middle = (this.axis.x(store.range.from) + this.axis.x(store.range.to)) / 2;
      const by = this.place(event) - middle;
      store.moveRange(store.range, this.axis.t(this.axis.x(store.range.from) + by));
    }
  }

  // --- Drawing -------------------------------------------------------------------------------------------------------

  private drawBrush(): void {
    const { range, full } = this.store;
    const from = range === full ? 0 : this.axis.x(range.from);
    const to = range === full ? this.width : this.axis.x(range.to);
    const [before, after] = this.shades;
    Object.assign(before.style, { left: '0', width: `${Math.max(0, from)}px` });
    Object.assign(after.style, { left: `${to}px`, width: `${Math.max(0, this.width - to)}px` });
    Object.assign(this.window.style, { left: `${from}px`, width: `${Math.max(2, to - from)}px` });
    this.window.hidden = range === full;
    this.host.classList.toggle(styles.whole as string, range === full);
    for (const end of ['from', 'to'] as const) {
      const handle = this.handles[end];
      const x = end === 'from' ? from : to;
      handle.style.left = `${Math.min(Math.max(x, 6), this.width - 6)}px`;
      handle.setAttribute('aria-valuemax', String(full.to));
      handle.setAttribute('aria-valuenow', String(Math.round(range[end])));
      handle.setAttribute(
        'aria-valuetext',
        formatPosition(range[end], (range.to - range.from) / 100),
      );
    }
  }

  private drawPicture(): void {
    const context = sizeCanvas(this.canvas, this.width, HEIGHT);
    if (!context || this.width === 0) return;
    context.clearRect(0, 0, this.width, HEIGHT);
    this.drawFigures(context);
    this.drawLanes(context);
    paintCuts(context, this.axis.places(), this.palette, HEAD, HEIGHT - HEAD);
    this.drawMarks(context);
  }

  private drawFigures(context: CanvasRenderingContext2D): void {
    const { color, font } = this.palette;
    context.font = `11px ${font}`;
    context.fillStyle = color['text-3'];
    const { at, step } = ticksOf(this.axis, 110);
    let free = 0;
    for (const tick of at) {
      const label = formatTick(tick, step, this.store.full.to);
      const x = this.axis.x(tick);
      const end = x + context.measureText(label).width;
      if (x < free || end >= this.width - 4) continue;
      context.fillText(label, x, 12);
      free = end + 8;
    }
  }

  private drawLanes(context: CanvasRenderingContext2D): void {
    const { store, axis, palette } = this;
    const { skeleton } = store;
    if (skeleton.count === 0) return;
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.width * ratio);
    const lanes = Math.min(skeleton.maxDepth + 1, LANES / 2);
    const pitch = Math.min(6, LANES / lanes) * ratio;
    const thick = Math.max(1, Math.round(pitch - (pitch > 2.5 ? 1 : 0.4) * ratio));
    const seen = rasterRows({
      skeleton,
      width,
      lanes,
      columnOf: (t) => Math.floor(axis.x(t) * ratio),
    });
    const image = context.createImageData(width, Math.ceil(LANES * ratio));
    const pixels = new Uint32Array(image.data.buffer);
    const colors = Uint32Array.from(palette.slots, packedColor);
    const slots = slotsOf(skeleton.head.services);
    const { service } = skeleton.columns;
    for (let lane = 0; lane < lanes; lane++) {
      const top = Math.round(lane * pitch);
      for (let x = 0; x < width; x++) {
        const row = seen[lane * width + x] as number;
        if (row === 0) continue;
        const color = colors[slots[service[row - 1] as number] as number] as number;
        for (let y = top; y < top + thick; y++) pixels[y * width + x] = color;
      }
    }
    context.putImageData(image, 0, Math.round((HEAD + 2) * ratio));
  }

  /** Errors as triangles and matches as ticks on the lower edge; one a place at most. */
  private drawMarks(context: CanvasRenderingContext2D): void {
    const { store, axis, palette, width } = this;
    const { start } = store.skeleton.columns;
    const places = (rows: Iterable<number>, gap: number): Set<number> => {
      const found = new Set<number>();
      for (const row of rows) {
        const x = axis.x(start[row] as number);
        if (x >= 0 && x <= width - AXIS_PAD.right / 2) found.add(Math.round(x / gap) * gap);
      }
      return found;
    };
    context.fillStyle = palette.color['mark-line'];
    for (const x of places(store.find.matches, 2)) context.fillRect(x, HEIGHT - 6, 1.5, 4);
    context.fillStyle = palette.color.error;
    context.strokeStyle = palette.color.surface;
    for (const x of places(store.errors, 4)) {
      context.beginPath();
      context.moveTo(x - 4, HEIGHT - 2);
      context.lineTo(x, HEIGHT - 9);
      context.lineTo(x + 4, HEIGHT - 2);
      context.closePath();
      context.fill();
      context.stroke();
    }
  }
}
