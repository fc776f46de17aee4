// Rows of a long list: as many elements as are in view, each reused for whatever row scrolls into its place.
//
//   scroll ─ scrolls natively, has the head of the list as its first child
//     stage ─ sticks below the head, as large as the view
//     spacer ─ makes the scroll bar long enough, within the browser's limit

import { FrameLoop } from './canvas';
import { ScrollSpace } from './layout';

/** What is listed. */
export interface RowSource {
  /** Rows. */
  count: () => number;
  /** Makes an element for rows. */
  make: () => HTMLElement;
  /** Writes row `index` into an element of `make`. */
  write: (element: HTMLElement, index: number) => void;
}

/** Height of a row, px. */
export const ROW_PX = 24;

/** See the module. */
export class VirtualRows {
  private readonly stage = document.createElement('div');
  private readonly spacer = document.createElement('div');
  private readonly pool: { element: HTMLElement; index: number }[] = [];
  private readonly loop = new FrameLoop(() => this.draw());
  private readonly abort = new AbortController();
  private readonly observer = new ResizeObserver(() => this.measure());
  private space = new ScrollSpace(0, ROW_PX, 0);
  private top = 0;
  private ownScrollTop = 0;

  constructor(
    private readonly scroll: HTMLElement,
    private readonly head: HTMLElement | null,
    private readonly source: RowSource,
  ) {
    this.stage.setAttribute('role', 'presentation');
    this.spacer.setAttribute('role', 'presentation');
    Object.assign(this.stage.style, { position: 'sticky', overflow: 'hidden', contain: 'strict' });
    scroll.append(this.stage, this.spacer);
    const { signal } = this.abort;
    scroll.addEventListener('scroll', () => this.onScroll(), { passive: true, signal });
    scroll.addEventListener('wheel', (event) => this.onWheel(event), { passive: false, signal });
    this.observer.observe(scroll);
    this.measure();
  }

  /** Stops listening and takes its elements away. */
  destroy(): void {
    this.abort.abort();
    this.observer.disconnect();
    this.loop.stop();
    this.stage.remove();
    this.spacer.remove();
  }

  /** Writes all rows in view anew: the list or what it shows has changed. */
  refresh(): void {
    for (const row of this.pool) row.index = -1;
    this.measure();
  }

  /** Rows that fit the view. */
  get page(): number {
    return Math.max(1, Math.floor(this.space.viewHeight / ROW_PX) - 1);
  }

  /** The row at a place of the screen, or -1. */
  indexAt(clientY: number): number {
    const y = clientY - this.stage.getBoundingClientRect().top;
    const index = Math.floor((this.top + y) / ROW_PX);
    return y >= 0 && index < this.source.count() ? index : -1;
  }

  /** Moves so that row `index` is in view. */
  show(index: number): void {
    this.scrollTo(this.space.topToShow(index, this.top, 1));
  }

  private measure(): void {
    const headHeight = this.head?.offsetHeight ?? 0;
    const height = Math.max(0, this.scroll.clientHeight - headHeight);
    this.space = new ScrollSpace(this.source.count(), ROW_PX, height);
    this.stage.style.top = `${headHeight}px`;
    this.stage.style.height = `${height}px`;
    this.spacer.style.height = `${Math.max(0, this.space.physicalHeight - height)}px`;
    this.scrollTo(this.top);
  }

  private scrollTo(top: number): void {
    this.top = this.space.clamp(top);
    this.scroll.scrollTop = this.space.toPhysical(this.top);
    this.ownScrollTop = this.scroll.scrollTop;
    this.loop.schedule();
  }

  private onScroll(): void {
    const { scrollTop } = this.scroll;
    if (Math.abs(scrollTop - this.ownScrollTop) < 0.5) return;
    this.ownScrollTop = scrollTop;
    this.top = this.space.toVirtual(scrollTop);
    this.loop.schedule();
  }

  private onWheel(event: WheelEvent): void {
    if (!this.space.isScaled || event.deltaX !== 0 || event.ctrlKey) return;
    event.preventDefault();
    this.scrollTo(
      this.top + event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? ROW_PX : 1),
    );
  }

  private draw(): void {
    const { pool, source, space } = this;
    const first = Math.floor(this.top / ROW_PX);
    const shown = Math.min(Math.ceil(space.viewHeight / ROW_PX) + 1, source.count() - first);
    while (pool.length < shown) {
      const element = source.make();
      Object.assign(element.style, { position: 'absolute', left: '0', right: '0', top: '0' });
      pool.push({ element, index: -1 });
      this.stage.append(element);
    }
    const size = pool.length;
    for (let i = 0; i < size; i++) {
      const row = pool[(first + i) % size] as (typeof pool)[number];
      row.element.hidden = i >= shown;
      if (i >= shown) {
        row.index = -1;
        continue;
      }
      const index = first + i;
      if (row.index !== index) source.write(row.element, index);
      row.index = index;
      row.element.style.transform = `translateY(${index * ROW_PX - this.top}px)`;
    }
  }
}
