// The table of a result, drawn by hand: only the rows in view are in the page, and scrolling never reaches React.
//
// It is an ARIA grid with one tab stop: arrow keys move a cell cursor, Enter follows the cell's link. The page shows the
// whole value of the cell under the cursor beside the table.

import { oneLine } from '../lib/text';
import type { Zone } from '../lib/zone';
import { formatValue, hex, valueAt, type Column, type ResultSet, type Value } from './cells';
import styles from './sql.module.css';
import { columnWidth, SAMPLE_ROWS } from './widths';

/** Height of a row, as everywhere, px. */
const ROW_PX = 24;
/** Height of the head, px; see the style sheet. */
const HEAD_PX = 29;
/** Rows drawn beyond the view on each side. */
const BEYOND = 6;
/** Characters of a value that a cell shows. */
const CELL_CHARS = 160;

/** A cell. */
export interface CellPlace {
  row: number;
  column: number;
}

/** What the page is told and asked. */
export interface GridEvents {
  onCursor: (cell: CellPlace) => void;
  onOpen: (link: TraceLink) => void;
  /** The address of a link, for the browser's own ways of opening it. */
  hrefOf: (link: TraceLink) => string;
}

/** Where an id leads. */
export interface TraceLink {
  traceId: string;
  spanId?: string;
}

const TRACE_TEXT = /^[0-9a-f]{32}$/;

function isTrace(column: Column, value: Value): string | undefined {
  if (value instanceof Uint8Array && value.length === 16) return hex(value);
  const named = /trace_?id/i.test(column.name);
  return named && typeof value === 'string' && TRACE_TEXT.test(value) ? value : undefined;
}

/** Where the cell leads: ids of 16 bytes to a trace, ids of 8 bytes beside one to a span of it. */
export function linkOf(result: ResultSet, { row, column }: CellPlace): TraceLink | undefined {
  const own = result.columns[column] as Column;
  const value = valueAt(result, own, row);
  const traceId = isTrace(own, value);
  if (traceId) return { traceId };
  if (!(value instanceof Uint8Array) || value.length !== 8) return undefined;
  for (const other of result.columns) {
    const beside = isTrace(other, valueAt(result, other, row));
    if (beside) return { traceId: beside, spanId: hex(value) };
  }
  return undefined;
}

/** True for columns whose values stand to the right. */
const isRight = ({ kind }: Column): boolean => kind === 'number' || kind === 'duration';

/** See the module. */
export class ResultGrid {
  private readonly body: HTMLDivElement;
  private readonly drawn = new Map<number, HTMLDivElement>();
  private readonly observer: ResizeObserver;
  private cursor: CellPlace = { row: 0, column: 0 };
  private frame = 0;
  private readonly template: string;

  constructor(
    private readonly host: HTMLDivElement,
    private readonly result: ResultSet,
    private readonly zone: Zone,
    private readonly events: GridEvents,
  ) {
    const { columns, rowCount } = result;
    this.template = columns.map((column) => `${this.widthOf(column)}px`).join(' ');
    host.replaceChildren();
    host.setAttribute('aria-rowcount', String(rowCount + 1));
    host.setAttribute('aria-colcount', String(columns.length));
    host.append(this.head());
    this.body = document.createElement('div');
    this.body.setAttribute('role', 'rowgroup');
    this.body.className = styles.rows as string;
    this.body.style.height = `${rowCount * ROW_PX}px`;
    host.append(this.body);
    host.scrollTop = 0;
    this.observer = new ResizeObserver(() => {
      // The pane below takes room when the first cell is chosen: the cell stays in view.
      const cell = this.drawn.get(this.cursor.row)?.children[this.cursor.column];
      if (cell && this.host.hasAttribute('aria-activedescendant')) this.reveal(cell as HTMLElement);
      this.schedule();
    });
    this.observer.observe(host);
    host.addEventListener('scroll', this.schedule, { passive: true });
    host.addEventListener('keydown', this.onKey);
    host.addEventListener('click', this.onClick);
    this.draw();
  }

  /** Ends it. */
  destroy(): void {
    cancelAnimationFrame(this.frame);
    this.observer.disconnect();
    this.host.removeEventListener('scroll', this.schedule);
    this.host.removeEventListener('keydown', this.onKey);
    this.host.removeEventListener('click', this.onClick);
    this.host.removeAttribute('aria-activedescendant');
    this.host.replaceChildren();
  }

  private widthOf(column: Column): number {
    const texts: string[] = [];
    for (let row = 0; row < Math.min(this.result.rowCount, SAMPLE_ROWS); row++)
      texts.push(formatValue(valueAt(this.result, column, row), this.zone).slice(0, CELL_CHARS));
    return columnWidth(`${column.name} ${column.type}`, texts, column.kind !== 'text');
  }

  private head(): HTMLDivElement {
    const group = document.createElement('div');
    group.setAttribute('role', 'rowgroup');
    group.className = styles.head as string;
    const row = document.createElement('div');
    row.setAttribute('role', 'row');
    row.setAttribute('aria-rowindex', '1');
    row.className = styles.gridRow as string;
    row.style.gridTemplateColumns = this.template;
    for (const column of this.result.columns) {
      const cell = document.createElement('div');
      cell.setAttribute('role', 'columnheader');
      if (isRight(column)) cell.className = 'num';
      const name = document.createElement('bdi');
      name.textContent = oneLine(column.name, 80);
      const type = document.createElement('small');
      type.textContent = column.type;
      cell.title = `${oneLine(column.name)}, ${column.type}`;
      cell.append(name, type);
      row.append(cell);
    }
    group.append(row);
    return group;
  }

  private readonly schedule = (): void => {
    if (this.frame === 0)
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.draw();
      });
  };

  private draw(): void {
    const { scrollTop, clientHeight } = this.host;
    const first = Math.max(0, Math.floor(scrollTop / ROW_PX) - BEYOND);
    const last = Math.min(
      this.result.rowCount,
      Math.ceil((scrollTop + clientHeight) / ROW_PX) + BEYOND,
    );
    for (const [row, element] of this.drawn) {
      // The row under the cursor stays: it is what assistive technology is told about.
      if ((row >= first && row < last) || row === this.cursor.row) continue;
      element.remove();
      this.drawn.delete(row);
    }
    for (let row = first; row < last; row++) this.ensure(row);
  }

  private ensure(row: number): HTMLDivElement {
    let element = this.drawn.get(row);
    if (element) return element;
    element = document.createElement('div');
    element.setAttribute('role', 'row');
    element.setAttribute('aria-rowindex', String(row + 2));
    element.className = styles.gridRow as string;
    element.style.gridTemplateColumns = this.template;
    element.style.transform = `translateY(${row * ROW_PX}px)`;
    for (let column = 0; column < this.result.columns.length; column++)
      element.append(this.cell({ row, column }));
    this.drawn.set(row, element);
    this.body.append(element);
    return element;
  }

  private cell(place: CellPlace): HTMLDivElement {
    const column = this.result.columns[place.column] as Column;
    const value = valueAt(this.result, column, place.row);
    const cell = document.createElement('div');
    cell.setAttribute('role', 'gridcell');
    cell.id = cellId(place);
    cell.dataset['column'] = String(place.column);
    if (isRight(column)) cell.classList.add('num');
    else if (column.kind !== 'text' && column.kind !== 'time') cell.classList.add('mono');
    if (value === null) cell.classList.add(styles.none as string);
    const text = oneLine(formatValue(value, this.zone), CELL_CHARS);
    const link = linkOf(this.result, place);
    if (link) {
      const anchor = document.createElement('a');
      anchor.href = this.events.hrefOf(link);
      anchor.tabIndex = -1;
      anchor.textContent = text;
      cell.append(anchor);
    } else {
      const inner = document.createElement('bdi');
      inner.textContent = text;
      cell.append(inner);
    }
    if (place.row === this.cursor.row && place.column === this.cursor.column)
      cell.setAttribute('aria-selected', 'true');
    return cell;
  }

  /** Moves the cursor, within the table, and scrolls it into view. */
  moveTo(row: number, column: number): void {
    const { rowCount, columns } = this.result;
    if (rowCount === 0) return;
    const old = this.drawn.get(this.cursor.row)?.children[this.cursor.column];
    old?.removeAttribute('aria-selected');
    this.cursor = {
      row: Math.min(rowCount - 1, Math.max(0, row)),
      column: Math.min(columns.length - 1, Math.max(0, column)),
    };
    const cell = this.ensure(this.cursor.row).children[this.cursor.column] as HTMLElement;
    cell.setAttribute('aria-selected', 'true');
    this.host.setAttribute('aria-activedescendant', cell.id);
    this.reveal(cell);
    this.events.onCursor(this.cursor);
  }

  private reveal(cell: HTMLElement): void {
    const { host } = this;
    const top = this.cursor.row * ROW_PX;
    const room = host.clientHeight - HEAD_PX - ROW_PX;
    if (top < host.scrollTop) host.scrollTop = top;
    else if (top > host.scrollTop + room) host.scrollTop = top - room;
    const left = cell.offsetLeft;
    if (left < host.scrollLeft) host.scrollLeft = left;
    else if (left + cell.offsetWidth > host.scrollLeft + host.clientWidth)
      host.scrollLeft = Math.min(left, left + cell.offsetWidth - host.clientWidth);
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.altKey) return;
    const { row, column } = this.cursor;
    const page = Math.max(1, Math.floor(this.host.clientHeight / ROW_PX) - 2);
    const whole = event.ctrlKey || event.metaKey;
    const moves: Record<string, () => void> = {
      ArrowDown: () => this.moveTo(row + 1, column),
      ArrowUp: () => this.moveTo(row - 1, column),
      ArrowRight: () => this.moveTo(row, column + 1),
      ArrowLeft: () => this.moveTo(row, column - 1),
      PageDown: () => this.moveTo(row + page, column),
      PageUp: () => this.moveTo(row - page, column),
      Home: () => this.moveTo(whole ? 0 : row, 0),
      End: () =>
        this.moveTo(whole ? this.result.rowCount - 1 : row, this.result.columns.length - 1),
    };
    const move = moves[event.key];
    if (move && (!whole || event.key === 'Home' || event.key === 'End')) {
      event.preventDefault();
      move();
    } else if (event.key === 'Enter' && !whole) {
      const link = this.result.rowCount > 0 ? linkOf(this.result, this.cursor) : undefined;
      if (!link) return;
      event.preventDefault();
      this.events.onOpen(link);
    }
  };

  private readonly onClick = (event: MouseEvent): void => {
    const cell = (event.target as Element).closest<HTMLElement>('[role=gridcell]');
    const row = cell?.parentElement;
    if (!cell || !row) return;
    const place = {
      row: Number(row.getAttribute('aria-rowindex')) - 2,
      column: Number(cell.dataset['column']),
    };
    const onLink = (event.target as Element).closest('a') !== null;
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
    const link = onLink && plain ? linkOf(this.result, place) : undefined;
    if (link) {
      event.preventDefault();
      this.events.onOpen(link);
    } else if (!onLink) this.moveTo(place.row, place.column);
  };
}

function cellId({ row, column }: CellPlace): string {
  return `cell-${row}-${column}`;
}
