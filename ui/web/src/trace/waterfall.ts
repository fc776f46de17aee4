// The waterfall: rows of the tree in the DOM, bars on a canvas, both redrawn for each scroll position from typed arrays.
//
//   .scroll ─ scrolls natively, at most SCROLL_MAX_PX long
//     .stage ─ sticks to the top, as large as the view: canvas with tints, guides, grid, bars; tree with the row pool
//     spacer ─ makes the scroll bar long enough
//
// React makes the host element and nothing else; no scroll or pointer event reaches it.

import { formatDuration } from '../lib/duration';
import { preferences, setPreference } from '../shell/preferences';
import { FrameLoop, sizeCanvas } from './canvas';
import { AXIS_PAD, ticksOf, TimeAxis } from './axis';
import { formatPosition, formatTick, indentFor, ScrollSpace, type Indent } from './layout';
import { lengthOf } from './cuts';
import { Marks } from './marks';
import { paint, TICK_GAP } from './paint';
import { onPaletteChange, readPalette, slotsOf, type Palette } from './palette';
import { RowPool } from './rows';
import type { TraceStore } from './store';
import type { ViewControl } from './views';
import styles from './waterfall.module.css';

const TREE_MIN = 160;
/** Width of a stretch that is cut out of the time axis. */
const CUT_PX = 34;
/** Rows are placed relative to a base that moves along, so that no transform gets long. */
const BASE_STEP = 1000;

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
export class Waterfall implements ViewControl {
  private readonly ruler: HTMLElement;
  private readonly rulerCanvas: HTMLCanvasElement;
  /** The scrolling element; it has the keyboard focus and the role of a tree grid. */
  readonly focus: HTMLElement;
  private readonly stage: HTMLElement;
  private readonly canvas: HTMLCanvasElement;
  private readonly tree: HTMLElement;
  private readonly layer: HTMLElement;
  private readonly spacer: HTMLElement;
  private readonly splitter: HTMLElement;
  private readonly pool: RowPool;
  private readonly marks: Marks;
  private readonly loop = new FrameLoop(() => this.draw());
  private slots: Uint8Array;
  private readonly cleanups: (() => void)[] = [];

  private palette: Palette = readPalette();
  private space = new ScrollSpace(0, 24, 0);
  private width = 0;
  private height = 0;
  private treeWidth = 0;
  private indent: Indent = { step: 12, cap: 1 };
  private axis = new TimeAxis({ from: 0, to: 1 }, 1);
  /** Virtual scroll position, and the scroll position that was set for it. */
  private top = 0;
  private ownScrollTop = 0;
  /** Row at the top of the view, as it was drawn last. */
  private topRow = -1;
  private hoverX = -1;
  private hoverY = -1;
  /** Counts changes of what rows show, so that rows in view are written anew. */
  private version = 0;
  private rulerVersion = '';

  constructor(
    private readonly host: HTMLElement,
    private readonly store: TraceStore,
    private readonly onOpen: (row: number) => void,
  ) {
    host.classList.add(styles.waterfall as string);
    this.ruler = make('div', host, styles.ruler);
    this.rulerCanvas = make('canvas', this.ruler);
    this.ruler.setAttribute('aria-hidden', 'true');
    this.focus = make('div', host, styles.scroll);
    this.focus.tabIndex = 0;
    this.focus.setAttribute('role', 'treegrid');
    this.focus.setAttribute('aria-label', 'Spans');
    this.stage = make('div', this.focus, styles.stage);
    this.stage.setAttribute('role', 'presentation');
    this.canvas = make('canvas', this.stage);
    this.canvas.setAttribute('aria-hidden', 'true');
    this.tree = make('div', this.stage, styles.tree);
    this.tree.setAttribute('role', 'presentation');
    this.layer = make('div', this.tree, styles.layer);
    this.layer.setAttribute('role', 'presentation');
    this.spacer = make('div', this.focus);
    this.spacer.setAttribute('role', 'presentation');
    this.marks = new Marks(make('div', host, styles.marks), store, (top) => this.scrollTo(top));
    this.splitter = make('div', host, styles.splitter);
    this.pool = new RowPool(this.layer, store, 'span-row');
    this.slots = slotsOf(store.skeleton.head.services);
    this.listen();
    this.makeSplitter();
    this.resize();
  }

  /** Stops listening and empties the host. */
  destroy(): void {
    for (const cleanup of this.cleanups) cleanup();
    this.loop.stop();
    this.marks.destroy();
    this.host.replaceChildren();
  }

  private listen(): void {
    const { store, focus: scroll, cleanups } = this;
    const observer = new ResizeObserver(() => this.resize());
    observer.observe(this.host);
    cleanups.push(
      () => observer.disconnect(),
      store.on(['rows'], () => {
        this.version++;
        if (store.went) this.rowsMoved(store.went);
        this.measure();
      }),
      store.on(['cursor', 'find'], () => {
        this.version++;
        this.loop.schedule();
      }),
      store.on(['range', 'options'], this.loop.schedule),
      onPaletteChange(() => {
        // The attribute that the stylesheet reads is set before listeners are told.
        this.palette = readPalette();
        this.rulerVersion = '';
        this.marks.setPalette(this.palette);
        this.loop.schedule();
      }),
    );
    scroll.addEventListener('scroll', () => this.onScroll(), { passive: true });
    scroll.addEventListener('wheel', (event) => this.onWheel(event), { passive: false });
    scroll.addEventListener('click', (event) => this.onClick(event));
    this.stage.addEventListener('pointermove', (event) => this.onPointer(event));
    this.stage.addEventListener('pointerleave', () => this.onPointer(undefined));
  }

  // --- Size ----------------------------------------------------------------------------------------------------------

  private resize(): void {
    this.width = this.focus.clientWidth;
    this.height = this.focus.clientHeight;
    const wanted = preferences().treeWidth || Math.min(470, this.width * 0.4);
    this.treeWidth = Math.round(
      Math.min(Math.max(wanted, TREE_MIN), Math.max(TREE_MIN, this.width - 200)),
    );
    this.tree.style.width = `${this.treeWidth}px`;
    this.splitter.style.left = `${this.treeWidth}px`;
    this.splitter.setAttribute('aria-valuenow', String(this.treeWidth));
    this.splitter.setAttribute('aria-valuemax', String(Math.max(TREE_MIN, this.width - 200)));
    this.stage.style.height = `${this.height}px`;
    this.rulerVersion = '';
    this.version++;
    this.measure();
  }

  /** Takes up the number of rows. */
  private measure(): void {
    const { visible, skeleton } = this.store;
    const rowHeight = parseFloat(getComputedStyle(this.host).getPropertyValue('--row')) || 24;
    this.space = new ScrollSpace(visible.count, rowHeight, this.height);
    this.indent = indentFor(skeleton.maxDepth, this.treeWidth);
    this.spacer.style.height = `${Math.max(0, this.space.physicalHeight - this.height)}px`;
    this.focus.setAttribute('aria-rowcount', String(visible.count));
    this.scrollTo(this.top);
    this.marks.measure(this.space, this.palette);
  }

  /** The trace grew: the row at the top of the view stays there. */
  private rowsMoved(went: Int32Array): void {
    const { store, space } = this;
    this.slots = slotsOf(store.skeleton.head.services);
    this.pool.servicesChanged();
    const row = went[this.topRow] ?? -1;
    if (this.top === 0 || row === -1) return;
    const within = this.top % space.rowHeight;
    this.top = store.visible.nearest(row) * space.rowHeight + within;
  }

  // --- Scrolling -----------------------------------------------------------------------------------------------------

  /** Moves to a virtual position. */
  private scrollTo(top: number): void {
    this.top = this.space.clamp(top);
    this.ownScrollTop = this.space.toPhysical(this.top);
    this.focus.scrollTop = this.ownScrollTop;
    // The browser rounds: what it reports back for this is no movement of the user's.
    this.ownScrollTop = this.focus.scrollTop;
    this.loop.schedule();
  }

  private onScroll(): void {
    const { scrollTop } = this.focus;
    if (Math.abs(scrollTop - this.ownScrollTop) < 0.5) return;
    this.ownScrollTop = scrollTop;
    this.top = this.space.toVirtual(scrollTop);
    this.loop.schedule();
  }

  private onWheel(event: WheelEvent): void {
    const { store } = this;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const x = event.clientX - this.focus.getBoundingClientRect().left - this.treeWidth;
      store.zoom(
        Math.exp(Math.sign(event.deltaY) * Math.min(Math.abs(event.deltaY), 100) * 0.004),
        this.axis.t(Math.max(x, AXIS_PAD.left)),
      );
      return;
    }
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (sideways !== 0 && Math.abs(sideways) >= Math.abs(event.shiftKey ? 0 : event.deltaY)) {
      event.preventDefault();
      store.pan(sideways / Math.max(1, this.width - this.treeWidth));
      return;
    }
    if (!this.space.isScaled) return;
    event.preventDefault();
    const unit =
      event.deltaMode === WheelEvent.DOM_DELTA_LINE
        ? this.space.rowHeight
        : event.deltaMode === WheelEvent.DOM_DELTA_PAGE
          ? this.height
          : 1;
    this.scrollTo(this.top + event.deltaY * unit);
  }

  // --- Keys ----------------------------------------------------------------------------------------------------------

  move({ x, y }: { x?: 1 | -1; y?: 1 | -1 }): void {
    if (y) this.store.move(y);
    if (x === 1) this.store.openOrChild();
    if (x === -1) this.store.closeOrParent();
  }

  moveToEnd(last: boolean): void {
    this.store.moveToEnd(last);
  }

  enter(): void {
    this.onOpen(Math.max(0, this.store.cursor));
  }

  /** Moves by a share of the view, as Page Up and Page Down do. */
  page(by: 1 | -1): void {
    this.store.move(by * Math.max(1, Math.floor(this.height / this.space.rowHeight) - 1));
  }

  // --- Pointer -------------------------------------------------------------------------------------------------------

  private onPointer(event: PointerEvent | undefined): void {
    const box = this.stage.getBoundingClientRect();
    const x = event ? event.clientX - box.left - this.treeWidth : -1;
    this.hoverY = event ? event.clientY - box.top : -1;
    this.hoverX = x >= 0 ? x : -1;
    this.loop.schedule();
  }

  private rowAt(y: number): number {
    const position = Math.floor((this.top + y) / this.space.rowHeight);
    return y >= 0 && position < this.store.visible.count ? this.store.visible.at(position) : -1;
  }

  private onClick(event: MouseEvent): void {
    if (document.getSelection()?.isCollapsed === false) return;
    const box = this.stage.getBoundingClientRect();
    const row = this.rowAt(event.clientY - box.top);
    if (row === -1) return;
    const { store } = this;
    const isOn = (selector: string): boolean =>
      event.target instanceof Element && event.target.closest(selector) !== null;
    const canToggle = store.skeleton.childCount[row] || store.visible.isFolded(row);
    if (isOn('[data-fold]')) store.setFolded(row, true);
    else if (isOn(`.${styles.chevron}`) && canToggle) store.toggle(row);
    else this.onOpen(row);
  }

  // --- Splitter ------------------------------------------------------------------------------------------------------

  private makeSplitter(): void {
    const { splitter } = this;
    splitter.tabIndex = 0;
    splitter.setAttribute('role', 'separator');
    splitter.setAttribute('aria-orientation', 'vertical');
    splitter.setAttribute('aria-label', 'Width of the span names');
    splitter.setAttribute('aria-valuemin', String(TREE_MIN));
    const setWidth = (width: number): void => {
      setPreference('treeWidth', Math.max(TREE_MIN, Math.round(width)));
      this.resize();
    };
    splitter.addEventListener('pointerdown', (event) =>
      splitter.setPointerCapture(event.pointerId),
    );
    splitter.addEventListener('pointermove', (event) => {
      if (splitter.hasPointerCapture(event.pointerId))
        setWidth(event.clientX - this.host.getBoundingClientRect().left);
    });
    splitter.addEventListener('dblclick', () => setWidth(0));
    splitter.addEventListener('keydown', (event) => {
      const step = event.key === 'ArrowLeft' ? -16 : event.key === 'ArrowRight' ? 16 : 0;
      if (step === 0) return;
      event.preventDefault();
      event.stopPropagation();
      setWidth(this.treeWidth + step);
    });
  }

  // --- Drawing -------------------------------------------------------------------------------------------------------

  private draw(): void {
    const { store, space } = this;
    if (store.reveal && store.cursor !== -1) {
      const position = store.visible.nearest(store.cursor);
      const isInView =
        position * space.rowHeight >= this.top &&
        (position + 1) * space.rowHeight <= this.top + this.height;
      const center = store.reveal === 'center' && !isInView;
      store.reveal = undefined;
      this.scrollTo(center ? space.topToCenter(position) : space.topToShow(position, this.top));
    }
    const context = sizeCanvas(this.canvas, this.width, this.height);
    if (!context) return;
    const first = Math.floor(this.top / space.rowHeight);
    this.topRow = first < store.visible.count ? store.visible.at(first) : -1;
    const { range, cuts } = store.time;
    this.axis = new TimeAxis(range, this.width - this.treeWidth, cuts, CUT_PX);
    const hoverRow = this.hoverY >= 0 ? this.rowAt(this.hoverY) : -1;
    paint({
      context,
      store,
      palette: this.palette,
      slots: this.slots,
      width: this.width,
      height: this.height,
      rowHeight: space.rowHeight,
      treeWidth: this.treeWidth,
      indent: this.indent,
      axis: this.axis,
      first,
      firstY: first * space.rowHeight - this.top,
      hoverRow,
      hoverX: this.hoverX,
    });
    this.drawRows(first);
    this.drawRuler();
    this.marks.drawThumb(this.top);
  }

  private drawRows(first: number): void {
    const { space, store } = this;
    const base = Math.floor(first / BASE_STEP) * BASE_STEP;
    const count = Math.ceil(this.height / space.rowHeight) + 1;
    this.pool.show(first, count, base, space.rowHeight, this.indent, this.version);
    this.layer.style.transform = `translateY(${base * space.rowHeight - this.top}px)`;
    const active = store.cursor === -1 ? null : this.pool.idOf(store.cursor);
    if (active) this.focus.setAttribute('aria-activedescendant', active);
    else this.focus.removeAttribute('aria-activedescendant');
  }

  /** Ticks and their instants; redrawn only when they change. */
  private drawRuler(): void {
    const { from, to } = this.store.range;
    const cuts = this.axis.places();
    const version = [from, to, this.hoverX, this.width, this.treeWidth, cuts.length].join();
    if (version === this.rulerVersion) return;
    this.rulerVersion = version;
    const context = sizeCanvas(this.rulerCanvas, this.width, 25);
    if (!context) return;
    const { color, font } = this.palette;
    const { axis, treeWidth } = this;
    context.clearRect(0, 0, this.width, 25);
    context.font = `500 12px ${font}`;
    context.fillStyle = color['text-2'];
    context.fillText('Span', 12, 17);
    context.strokeStyle = color.line;
    context.strokeRect(treeWidth - 0.5, -1, 1, 28);
    context.font = `11px ${font}`;
    const hover =
      this.hoverX < 0 ? undefined : formatPosition(axis.t(this.hoverX), (to - from) / this.width);
    const hoverWidth = hover ? context.measureText(hover).width + 12 : 0;
    const hoverLeft = Math.min(
      Math.max(treeWidth + this.hoverX - hoverWidth / 2, treeWidth + 2),
      this.width - hoverWidth - 2,
    );
    context.fillStyle = color['text-3'];
    context.strokeStyle = color['line-2'];
    context.beginPath();
    // A label stands where there is room for it; the lengths of cuts come first.
    const taken: [from: number, to: number][] = [];
    if (hover !== undefined) taken.push([hoverLeft - 4, hoverLeft + hoverWidth + 4]);
    const write = (label: string, x: number): void => {
      const end = x + context.measureText(label).width;
      if (end >= this.width || taken.some(([a, b]) => end > a && x < b)) return;
      taken.push([x - 4, end + 6]);
      context.fillText(label, x, 17);
    };
    context.fillStyle = color['text-2'];
    for (const { stretch, left, right } of cuts) {
      const label = `+${formatDuration(lengthOf(stretch))}`;
      const middle = treeWidth + (left + right) / 2;
      write(label, Math.max(treeWidth + 2, middle - context.measureText(label).width / 2));
    }
    context.fillStyle = color['text-3'];
    const { at, step } = ticksOf(axis, TICK_GAP);
    for (const tick of at) {
      const x = treeWidth + Math.round(axis.x(tick)) + 0.5;
      context.moveTo(x, 19);
      context.lineTo(x, 25);
      write(formatTick(tick, step, to), x + 4);
    }
    context.stroke();
    if (hover === undefined) return;
    context.fillStyle = color.text;
    context.fillText(hover, hoverLeft + 6, 17);
  }
}
