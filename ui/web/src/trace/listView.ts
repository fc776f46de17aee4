// A long list with a row cursor: the part that the table, the events and the JSON share.

import { VirtualRows } from './virtualRows';
import type { ViewControl } from './views';

/** What is listed, and what happens to it. */
export interface ListSource {
  count: () => number;
  make: () => HTMLElement;
  write: (element: HTMLElement, index: number) => void;
  /** The row was chosen by Enter or a press. */
  onOpen?: (index: number) => void;
  /** The cursor came to the row. */
  onCursor?: (index: number) => void;
}

/** Counts lists, so that ids of their rows differ. */
let lists = 0;

/** See the module. */
export class ListView implements ViewControl {
  private readonly rows: VirtualRows;
  private readonly abort = new AbortController();
  private readonly prefix = `list-${++lists}`;
  private made = 0;
  /** Row under the cursor, or -1. */
  cursor = -1;

  constructor(
    readonly focus: HTMLElement,
    head: HTMLElement | null,
    private readonly source: ListSource,
  ) {
    const { signal } = this.abort;
    this.rows = new VirtualRows(focus, head, {
      count: source.count,
      make: () => {
        const element = source.make();
        element.id = `${this.prefix}-${this.made++}`;
        return element;
      },
      write: (element, index) => {
        element.setAttribute('aria-rowindex', String(index + (head ? 2 : 1)));
        source.write(element, index);
        this.mark(element, index);
      },
    });
    focus.addEventListener('click', (event) => this.onClick(event), { signal });
  }

  /** Stops listening and empties the list. */
  destroy(): void {
    this.abort.abort();
    this.rows.destroy();
    this.focus.removeAttribute('aria-activedescendant');
  }

  /** Writes everything anew. */
  refresh(): void {
    if (this.cursor >= this.source.count()) this.cursor = -1;
    this.rows.refresh();
  }

  /** Puts the cursor on a row and shows it. */
  setCursor(index: number): void {
    this.cursor = index;
    if (index >= 0) this.rows.show(index);
    this.rows.refresh();
  }

  /** Moves the cursor as keys do. */
  move({ y }: { y?: 1 | -1 }): void {
    if (y) this.go(this.cursor === -1 ? 0 : this.cursor + y);
  }

  moveToEnd(last: boolean): void {
    this.go(last ? this.source.count() - 1 : 0);
  }

  page(by: 1 | -1): void {
    this.go(this.cursor + by * this.rows.page);
  }

  enter(): void {
    if (this.cursor !== -1) this.source.onOpen?.(this.cursor);
  }

  private go(index: number): void {
    const count = this.source.count();
    if (count === 0) return;
    this.setCursor(Math.min(Math.max(0, index), count - 1));
    this.source.onCursor?.(this.cursor);
  }

  private mark(element: HTMLElement, index: number): void {
    const isCursor = index === this.cursor;
    element.setAttribute('aria-selected', String(isCursor));
    if (isCursor) this.focus.setAttribute('aria-activedescendant', element.id);
    else if (this.focus.getAttribute('aria-activedescendant') === element.id)
      this.focus.removeAttribute('aria-activedescendant');
  }

  private onClick(event: MouseEvent): void {
    if (document.getSelection()?.isCollapsed === false) return;
    if (event.target instanceof Element && event.target.closest('button, a')) return;
    const index = this.rows.indexAt(event.clientY);
    if (index === -1) return;
    this.setCursor(index);
    this.source.onCursor?.(index);
    this.source.onOpen?.(index);
  }
}
