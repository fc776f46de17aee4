// The strip beside the waterfall: where in all rows the view is, and where errors and matches are. Stands in for the
// scroll bar: dragging the thumb scrolls, a press elsewhere jumps there.

import { sizeCanvas } from './canvas';
import type { ScrollSpace } from './layout';
import type { Palette } from './palette';
import { STATUS_ERROR } from './skeleton';
import type { TraceStore } from './store';
import styles from './waterfall.module.css';

const WIDTH = 11;
const THUMB_MIN = 18;

/** See the module. */
export class Marks {
  private readonly canvas: HTMLCanvasElement;
  private readonly thumb: HTMLElement;
  private readonly off: () => void;
  private space: ScrollSpace | undefined;
  private palette: Palette | undefined;
  private top = 0;
  /** Distance of the pointer from the top of the thumb, while it is dragged. */
  private grip = 0;

  constructor(
    private readonly host: HTMLElement,
    private readonly store: TraceStore,
    private readonly onScrollTo: (top: number) => void,
  ) {
    host.setAttribute('aria-hidden', 'true');
    this.canvas = document.createElement('canvas');
    this.thumb = document.createElement('div');
    this.thumb.className = styles.thumb as string;
    host.append(this.canvas, this.thumb);
    host.addEventListener('pointerdown', (event) => this.onDown(event));
    host.addEventListener('pointermove', (event) => {
      if (host.hasPointerCapture(event.pointerId)) this.drag(event);
    });
    this.off = store.on(['find'], () => this.draw());
  }

  /** Stops listening. */
  destroy(): void {
    this.off();
  }

  /** Takes up new rows or another height. */
  measure(space: ScrollSpace, palette: Palette): void {
    this.space = space;
    this.palette = palette;
    this.draw();
    this.drawThumb(this.top);
  }

  /** Takes up another theme. */
  setPalette(palette: Palette): void {
    this.palette = palette;
    this.draw();
  }

  /** Shows where the view is. */
  drawThumb(top: number): void {
    this.top = top;
    if (!this.space) return;
    const { height, offset } = this.thumbPlace(this.space);
    this.thumb.style.height = `${height}px`;
    this.thumb.style.transform = `translateY(${offset}px)`;
    this.thumb.hidden = this.space.maxTop === 0;
  }

  private thumbPlace({ contentHeight, viewHeight, maxTop }: ScrollSpace): {
    height: number;
    offset: number;
  } {
    const height = Math.max(THUMB_MIN, (viewHeight / Math.max(1, contentHeight)) * viewHeight);
    return { height, offset: maxTop === 0 ? 0 : (this.top / maxTop) * (viewHeight - height) };
  }

  private onDown(event: PointerEvent): void {
    if (!this.space || event.button !== 0) return;
    event.preventDefault();
    this.host.setPointerCapture(event.pointerId);
    const y = event.clientY - this.host.getBoundingClientRect().top;
    const { height, offset } = this.thumbPlace(this.space);
    this.grip = y >= offset && y <= offset + height ? y - offset : height / 2;
    this.drag(event);
  }

  private drag(event: PointerEvent): void {
    if (!this.space) return;
    const { viewHeight, maxTop } = this.space;
    const { height } = this.thumbPlace(this.space);
    const y = event.clientY - this.host.getBoundingClientRect().top - this.grip;
    this.onScrollTo((y / Math.max(1, viewHeight - height)) * maxTop);
  }

  /** One mark a pixel at most, whatever the number of rows; an error covers a match. */
  private draw(): void {
    const { space, palette, store } = this;
    if (!space || !palette) return;
    const height = space.viewHeight;
    const context = sizeCanvas(this.canvas, WIDTH, height);
    if (!context) return;
    context.clearRect(0, 0, WIDTH, height);
    const { visible, skeleton } = store;
    const scale = Math.min(height / Math.max(1, visible.count), space.rowHeight);
    const errors = new Uint8Array(Math.ceil(height) + 1);
    const matches = new Uint8Array(Math.ceil(height) + 1);
    const { status } = skeleton.columns;
    for (let position = 0; position < visible.count; position++) {
      // A collapsed row stands for all that it hides.
      const end = visible.endOfShown(visible.at(position));
      for (let row = visible.at(position); row < end; row++) {
        if (status[row] === STATUS_ERROR) errors[Math.floor(position * scale)] = 1;
      }
    }
    for (const row of store.find.matches) matches[Math.floor(visible.nearest(row) * scale)] = 1;
    context.fillStyle = palette.color['mark-line'];
    for (let y = 0; y < height; y++) if (matches[y]) context.fillRect(3, y, 6, 2);
    context.fillStyle = palette.color.error;
    for (let y = 0; y < height; y++) if (errors[y]) context.fillRect(1, y, 10, 2);
  }
}
