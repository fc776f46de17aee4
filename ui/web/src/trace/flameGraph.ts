// Draws the flame graph and moves in it. One canvas; the frame under the cursor is described in words by its owner.

import { formatDuration } from '../lib/duration';
import { oneLine } from '../lib/text';
import { FrameLoop, sizeCanvas } from './canvas';
import type { Flame } from './flame';
import { onPaletteChange, readPalette, slotsOf, type Palette } from './palette';
import type { TraceStore } from './store';
import type { ViewControl } from './views';

const ROW = 22;
/** Frames narrower than this are not drawn one by one. */
const LEAST_PX = 0.7;
/** Room that a text needs. */
const TEXT_PX = 34;

/** See the module. */
export class FlameGraph implements ViewControl {
  private readonly canvas = document.createElement('canvas');
  private readonly spacer = document.createElement('div');
  private readonly loop = new FrameLoop(() => this.draw());
  private readonly abort = new AbortController();
  private readonly cleanups: (() => void)[] = [];
  private readonly slots: Uint8Array;
  private palette: Palette = readPalette();
  /** Frame that fills the width, frame under the cursor, frame under the pointer. */
  private root = 0;
  private cursor = 0;
  private hover = -1;

  constructor(
    readonly focus: HTMLElement,
    private readonly store: TraceStore,
    private readonly flame: Flame,
    private readonly onCursor: (node: number) => void,
    private readonly onOpen: (row: number) => void,
  ) {
    this.slots = slotsOf(store.skeleton.head.services);
    this.canvas.setAttribute('aria-hidden', 'true');
    Object.assign(this.canvas.style, { position: 'sticky', top: '0', left: '0' });
    focus.append(this.canvas, this.spacer);
    const { signal } = this.abort;
    const observer = new ResizeObserver(() => this.resize());
    observer.observe(focus);
    this.cleanups.push(
      () => observer.disconnect(),
      store.on(['find', 'cursor'], this.loop.schedule),
      onPaletteChange(() => {
        this.palette = readPalette();
        this.loop.schedule();
      }),
    );
    focus.addEventListener('scroll', this.loop.schedule, { passive: true, signal });
    focus.addEventListener('pointermove', (event) => this.point(this.nodeAt(event)), { signal });
    focus.addEventListener('pointerleave', () => this.point(-1), { signal });
    focus.addEventListener('click', (event) => this.onClick(event), { signal });
    this.resize();
  }

  /** Stops listening and takes its elements away. */
  destroy(): void {
    this.abort.abort();
    for (const cleanup of this.cleanups) cleanup();
    this.loop.stop();
    this.canvas.remove();
    this.spacer.remove();
  }

  // --- Moving --------------------------------------------------------------------------------------------------------

  /** Fills the width with `node`. */
  zoomTo(node: number): void {
    this.root = node;
    this.setCursor(node);
  }

  move({ x, y }: { x?: 1 | -1; y?: 1 | -1 }): void {
    const { flame, cursor } = this;
    const parent = flame.parent[cursor] as number;
    if (y === 1) this.setCursor((flame.children[cursor] as number[])[0] ?? cursor);
    if (y === -1 && parent !== -1) {
      if (cursor === this.root) this.root = parent;
      this.setCursor(parent);
    }
    if (x && parent !== -1 && cursor !== this.root) {
      const siblings = flame.children[parent] as number[];
      this.setCursor(siblings[siblings.indexOf(cursor) + x] ?? cursor);
    }
  }

  moveToEnd(last: boolean): void {
    if (!last) this.zoomTo(0);
  }

  page(by: 1 | -1): void {
    this.focus.scrollTop += by * this.focus.clientHeight;
  }

  /** Zooms to the frame; a second time opens one of its spans. */
  enter(): void {
    if (this.cursor !== this.root) this.zoomTo(this.cursor);
    else if (this.cursor !== 0) this.onOpen(this.flame.row[this.cursor] as number);
  }

  private setCursor(node: number): void {
    this.cursor = node;
    const top = (this.flame.depth[node] as number) * ROW;
    const { scrollTop, clientHeight } = this.focus;
    if (top < scrollTop) this.focus.scrollTop = top;
    if (top + ROW > scrollTop + clientHeight) this.focus.scrollTop = top + ROW - clientHeight;
    this.onCursor(node);
    this.loop.schedule();
  }

  private point(node: number): void {
    if (node === this.hover) return;
    this.hover = node;
    this.onCursor(node === -1 ? this.cursor : node);
    this.loop.schedule();
  }

  private onClick(event: MouseEvent): void {
    const node = this.nodeAt(event);
    if (node === -1) return;
    if (node === this.cursor && node === this.root && node !== 0)
      this.onOpen(this.flame.row[node] as number);
    else this.zoomTo(node);
  }

  // --- Places --------------------------------------------------------------------------------------------------------

  private resize(): void {
    const height = (this.flame.maxDepth + 1) * ROW;
    this.spacer.style.height = `${Math.max(0, height - this.focus.clientHeight)}px`;
    this.loop.schedule();
  }

  private scale(): number {
    return this.focus.clientWidth / Math.max(1, this.flame.total[this.root] as number);
  }

  private isAbove(node: number): boolean {
    for (let up = this.root; up !== -1; up = this.flame.parent[up] as number)
      if (up === node) return true;
    return false;
  }

  /** Left edge and width of a frame, px; a frame that holds the zoomed one fills the width. */
  private box(node: number): [x: number, width: number] {
    if (this.isAbove(node)) return [0, this.focus.clientWidth];
    const { left, total } = this.flame;
    const scale = this.scale();
    const x = ((left[node] as number) - (left[this.root] as number)) * scale;
    return [x, (total[node] as number) * scale];
  }

  private nodeAt(event: MouseEvent): number {
    const box = this.focus.getBoundingClientRect();
    const x = event.clientX - box.left;
    const depth = Math.floor((event.clientY - box.top + this.focus.scrollTop) / ROW);
    let found = -1;
    this.visit((node, left, width) => {
      if (this.flame.depth[node] === depth && x >= left && x < left + width) found = node;
    });
    return found;
  }

  /** Visits the frames that are wide enough to be seen: those above the zoomed one, it, and those below. */
  private visit(see: (node: number, x: number, width: number) => void): void {
    const { flame } = this;
    for (let up = flame.parent[this.root] as number; up !== -1; up = flame.parent[up] as number)
      see(up, 0, this.focus.clientWidth);
    const stack = [this.root];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      const [x, width] = this.box(node);
      see(node, x, width);
      for (const child of flame.children[node] as number[]) {
        // The largest child is the first: what follows a small one is smaller.
        if ((flame.total[child] as number) * this.scale() < LEAST_PX) break;
        stack.push(child);
      }
    }
  }

  // --- Drawing -------------------------------------------------------------------------------------------------------

  private draw(): void {
    const { focus, palette } = this;
    const { clientWidth, clientHeight, scrollTop } = focus;
    const context = sizeCanvas(this.canvas, clientWidth, clientHeight);
    if (!context) return;
    context.clearRect(0, 0, clientWidth, clientHeight);
    context.font = `11px ${palette.font}`;
    context.textBaseline = 'middle';
    const matches = new Set<number>(this.matchedOperations());
    this.visit((node, x, width) => {
      const y = (this.flame.depth[node] as number) * ROW - scrollTop;
      if (y > -ROW && y < clientHeight) this.drawFrame(context, node, x, y, width, matches);
    });
  }

  /** Service and name of each match of the find, as one number. */
  private *matchedOperations(): Iterable<number> {
    for (const row of this.store.find.matches) yield this.operation(row);
  }

  private operation(row: number): number {
    const { service, name } = this.store.skeleton.columns;
    return (service[row] as number) * this.store.skeleton.head.names.length + (name[row] as number);
  }

  private drawFrame(
    context: CanvasRenderingContext2D,
    node: number,
    x: number,
    y: number,
    width: number,
    matches: ReadonlySet<number>,
  ): void {
    const { palette, flame, store } = this;
    const { color } = palette;
    const row = flame.row[node] as number;
    const service = row === -1 ? -1 : (store.skeleton.columns.service[row] as number);
    const tint = service === -1 ? color['text-3'] : (palette.slots[this.slots[service]!] as string);
    const isMatch = row !== -1 && matches.has(this.operation(row));
    const inner = Math.max(LEAST_PX, width - 1);
    // A tint under text in the page's own colour keeps every name readable; the edge has the full colour.
    context.fillStyle = isMatch ? color.mark : tint;
    context.globalAlpha = isMatch ? 1 : node === this.hover ? 0.42 : 0.26;
    if (this.isAbove(node) && node !== this.root) context.globalAlpha *= 0.6;
    context.fillRect(x, y, inner, ROW - 1);
    context.globalAlpha = 1;
    context.fillStyle = tint;
    context.fillRect(x, y, Math.min(3, inner), ROW - 1);
    if ((flame.errors[node] as number) > 0 && node !== 0 && width > 6) {
      context.strokeStyle = color.error;
      context.lineWidth = 1.5;
      context.strokeRect(x + 0.75, y + 0.75, inner - 1.5, ROW - 2.5);
    }
    if (node === this.cursor) {
      context.strokeStyle = color.accent;
      context.lineWidth = 2;
      context.strokeRect(x + 1, y + 1, Math.max(1, inner - 2), ROW - 3);
    }
    if (width > TEXT_PX) this.drawText(context, node, x, y, inner);
  }

  private drawText(
    context: CanvasRenderingContext2D,
    node: number,
    x: number,
    y: number,
    width: number,
  ): void {
    const { flame, store, palette } = this;
    const { skeleton } = store;
    const row = flame.row[node] as number;
    const [first, second] =
      row === -1
        ? ['All spans', '']
        : [oneLine(skeleton.serviceName(row), 60), oneLine(skeleton.spanName(row), 120)];
    const time = formatDuration(flame.total[node] as number);
    context.save();
    context.beginPath();
    context.rect(x, y, width - 3, ROW);
    context.clip();
    context.fillStyle = palette.color['text-2'];
    context.fillText(first, x + 8, y + ROW / 2);
    const at = x + 14 + context.measureText(first).width;
    context.fillStyle = palette.color.text;
    context.fillText(second, at, y + ROW / 2);
    const timeWidth = context.measureText(time).width;
    const end = at + context.measureText(second).width;
    context.fillStyle = palette.color['text-2'];
    if (end + timeWidth + 16 < x + width)
      context.fillText(time, x + width - timeWidth - 8, y + ROW / 2);
    context.restore();
  }
}
