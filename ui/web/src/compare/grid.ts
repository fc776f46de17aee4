// The aligned tree, drawn by hand: rows in view only, no React per scroll. An ARIA tree grid with one tab stop and a row
// cursor, moved by the same keys as the waterfall.

import { formatDuration } from '../lib/duration';
import { serviceColor, sharedParts, splitName, type SharedParts } from '../lib/service';
import { oneLine, plural } from '../lib/text';
import { niceTicks } from '../chart/scale';
import { durationLabel } from '../trace/layout';
import { KIND_NAMES } from '../trace/rows';
import { ALIKE, DIFFERENT, ONLY_A, ONLY_B, type Comparison } from './comparison';
import styles from './compare.module.css';
import { placeOf, visibleRows, type Shown } from './visible';

const ROW_PX = 24;
const BEYOND = 6;
/** Indent of a level, and the deepest that is drawn. */
const INDENT_PX = 12;
const INDENT_MAX = 22;
const LABEL_MAX = 160;

/** A signed duration. */
export function signed(ns: number): string {
  if (ns === 0) return '0';
  return `${ns > 0 ? '+' : '\u2212'}${formatDuration(Math.abs(ns))}`;
}

function make(className: string | undefined, text?: string): HTMLDivElement {
  const element = document.createElement('div');
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** See the module. */
export class CompareGrid {
  private readonly body = make(styles.rows);
  private readonly drawn = new Map<number, HTMLElement>();
  private readonly observer: ResizeObserver;
  private readonly opened = new Set<number>();
  private readonly shut = new Set<number>();
  private readonly shared: SharedParts;
  private readonly mostDelta: number;
  private rows: Shown[] = [];
  private cursor = 0;
  private frame = 0;

  /** `onCursor` is told the pair under the cursor; -1 is never told. */
  constructor(
    private readonly host: HTMLElement,
    private readonly axis: HTMLElement,
    private readonly comparison: Comparison,
    private readonly fold: boolean,
    private readonly onCursor: (pair: number) => void,
  ) {
    const { a, b, alignment } = comparison;
    this.shared = sharedParts([...new Set([...a.head.services, ...b.head.services])]);
    let most = 1;
    for (let pair = 0; pair < alignment.count; pair++)
      most = Math.max(most, Math.abs(comparison.delta(pair)));
    this.mostDelta = most;
    this.body.setAttribute('role', 'rowgroup');
    host.replaceChildren(this.body);
    this.observer = new ResizeObserver(() => this.schedule());
    this.observer.observe(host);
    host.addEventListener('scroll', this.schedule, { passive: true });
    host.addEventListener('click', this.onClick);
    this.drawAxis();
    this.refold();
  }

  /** Ends it. */
  destroy(): void {
    cancelAnimationFrame(this.frame);
    this.observer.disconnect();
    this.host.removeEventListener('scroll', this.schedule);
    this.host.removeEventListener('click', this.onClick);
    this.host.removeAttribute('aria-activedescendant');
    this.host.replaceChildren();
    this.axis.replaceChildren();
  }

  private drawAxis(): void {
    const { length } = this.comparison;
    this.axis.replaceChildren();
    for (const tick of niceTicks(0, length, 4)) {
      if (tick >= length * 0.97) continue;
      const label = document.createElement('span');
      label.textContent = tick === 0 ? '0' : formatDuration(tick);
      label.style.left = `${(tick / length) * 100}%`;
      this.axis.append(label);
    }
  }

  private refold(): void {
    const { fold, opened, shut } = this;
    this.rows = visibleRows(this.comparison, { fold, opened, shut });
    this.body.style.height = `${this.rows.length * ROW_PX}px`;
    this.host.setAttribute('aria-rowcount', String(this.rows.length));
    for (const element of this.drawn.values()) element.remove();
    this.drawn.clear();
    this.cursor = Math.min(this.cursor, this.rows.length - 1);
    this.draw();
  }

  private readonly schedule = (): void => {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  };

  private draw(): void {
    const { scrollTop, clientHeight } = this.host;
    const first = Math.max(0, Math.floor(scrollTop / ROW_PX) - BEYOND);
    const last = Math.min(
      this.rows.length,
      Math.ceil((scrollTop + clientHeight) / ROW_PX) + BEYOND,
    );
    for (const [place, element] of this.drawn) {
      if ((place >= first && place < last) || place === this.cursor) continue;
      element.remove();
      this.drawn.delete(place);
    }
    for (let place = first; place < last; place++) this.ensure(place);
  }

  private ensure(place: number): HTMLElement {
    const known = this.drawn.get(place);
    if (known) return known;
    const element = this.row(place);
    element.style.transform = `translateY(${place * ROW_PX}px)`;
    this.drawn.set(place, element);
    this.body.append(element);
    return element;
  }

  private row(place: number): HTMLElement {
    const shown = this.rows[place] as Shown;
    const { alignment, state } = this.comparison;
    const { pair } = shown;
    const how = state[pair] as number;
    const row = make(styles.row);
    row.id = `pair-${pair}`;
    row.dataset['place'] = String(place);
    row.dataset['how'] = ['alike', 'different', 'only-a', 'only-b'][how];
    row.setAttribute('role', 'row');
    row.setAttribute('aria-rowindex', String(place + 1));
    row.setAttribute('aria-level', String((alignment.depth[pair] as number) + 1));
    row.setAttribute('aria-selected', String(place === this.cursor));
    if (shown.folded || (alignment.subtreeSize[pair] as number) > 1)
      row.setAttribute('aria-expanded', String(!shown.folded && !shown.shut));
    row.append(this.nameCell(shown, how), this.barCell(pair), ...this.figureCells(pair, how));
    return row;
  }

  private nameCell(shown: Shown, how: number): HTMLElement {
    const { alignment } = this.comparison;
    const { pair } = shown;
    const [skeleton, row] = this.comparison.shown(pair);
    const cell = make(styles.name);
    cell.setAttribute('role', 'gridcell');
    const depth = Math.min(alignment.depth[pair] as number, INDENT_MAX);
    cell.style.paddingLeft = `${10 + depth * INDENT_PX}px`;
    const chevron = document.createElement('span');
    chevron.className = styles.chevron as string;
    const isOpen = !shown.folded && !shown.shut;
    if (shown.folded || (alignment.subtreeSize[pair] as number) > 1)
      chevron.dataset['open'] = String(isOpen);
    const service = skeleton.serviceName(row);
    const edge = document.createElement('i');
    edge.style.background = serviceColor(service);
    const [, core] = splitName(service, this.shared);
    const who = document.createElement('bdi');
    who.className = 't2';
    who.textContent = oneLine(core, 60);
    who.title = oneLine(service);
    const what = document.createElement('bdi');
    what.className = 'ell';
    what.textContent = oneLine(skeleton.spanName(row), LABEL_MAX) || '(no name)';
    const kind = KIND_NAMES[skeleton.columns.kind[row] as number];
    what.title = [oneLine(skeleton.spanName(row), 300), kind].filter(Boolean).join(', ');
    cell.append(chevron, edge, who, what);
    const note = this.noteOf(shown, how);
    if (note) {
      const tag = document.createElement('span');
      tag.className = styles.note as string;
      tag.textContent = note;
      cell.append(tag);
    }
    return cell;
  }

  private noteOf({ pair, pairs, folded, shut }: Shown, how: number): string | undefined {
    if (how === ONLY_A || how === ONLY_B) {
      const parent = this.comparison.alignment.parent[pair] as number;
      if (!folded && parent !== -1 && this.comparison.state[parent] === how) return undefined;
      const many = pairs > 1 ? `, ${plural(pairs, 'span')}` : '';
      return `only in ${how === ONLY_A ? 'A' : 'B'}${many}`;
    }
    if (folded) return `${pairs} alike`;
    return shut ? `+${(this.comparison.alignment.subtreeSize[pair] as number) - 1}` : undefined;
  }

  private barCell(pair: number): HTMLElement {
    const { comparison } = this;
    const cell = make(styles.bars);
    cell.setAttribute('role', 'gridcell');
    cell.setAttribute('aria-label', 'Bars of A and B');
    for (const side of ['a', 'b'] as const) {
      const duration = comparison.duration(side, pair);
      if (duration === undefined) continue;
      const start = (side === 'a' ? comparison.startA : comparison.startB)[pair] as number;
      const bar = document.createElement('i');
      bar.className = (side === 'a' ? styles.barA : styles.barB) as string;
      bar.style.left = `${percent(start / comparison.length)}%`;
      bar.style.width = `${percent(Math.max(0, duration) / comparison.length)}%`;
      cell.append(bar);
    }
    return cell;
  }

  private figureCells(pair: number, how: number): HTMLElement[] {
    const { comparison } = this;
    const figure = (ns: number | undefined): HTMLElement => {
      const cell = make('num', ns === undefined ? 'none' : durationLabel(ns));
      if (ns === undefined) cell.classList.add('t3');
      cell.setAttribute('role', 'gridcell');
      return cell;
    };
    const delta = comparison.delta(pair);
    const scale = make(styles.scale);
    scale.setAttribute('role', 'gridcell');
    scale.setAttribute('aria-label', delta > 0 ? 'more' : delta < 0 ? 'less' : 'the same');
    const bar = document.createElement('i');
    // By the root, so that small differences are seen beside large ones.
    const size = Math.sqrt(Math.abs(delta) / this.mostDelta) * 48;
    bar.style.width = `${percent(size / 100)}%`;
    bar.style[delta >= 0 ? 'left' : 'right'] = '50%';
    bar.style.background = delta >= 0 ? 'var(--b)' : 'var(--a)';
    if (how === ALIKE) bar.style.opacity = '0.4';
    if (delta !== 0) scale.append(bar);
    const words = figure(undefined);
    words.textContent = signed(delta);
    words.classList.remove('t3');
    if (how === DIFFERENT) words.classList.add('medium');
    return [
      figure(comparison.duration('a', pair)),
      figure(comparison.duration('b', pair)),
      scale,
      words,
    ];
  }

  /** Puts the cursor on a row. */
  moveTo(place: number): void {
    if (this.rows.length === 0) return;
    this.drawn.get(this.cursor)?.setAttribute('aria-selected', 'false');
    this.cursor = Math.min(this.rows.length - 1, Math.max(0, place));
    const element = this.ensure(this.cursor);
    element.setAttribute('aria-selected', 'true');
    this.host.setAttribute('aria-activedescendant', element.id);
    const top = this.cursor * ROW_PX;
    const room = this.host.clientHeight - ROW_PX;
    if (top < this.host.scrollTop) this.host.scrollTop = top;
    else if (top > this.host.scrollTop + room) this.host.scrollTop = top - room;
    this.onCursor((this.rows[this.cursor] as Shown).pair);
  }

  /** Gives the keyboard to the rows. */
  focus(): void {
    this.host.focus({ preventScroll: true });
  }

  /** Moves the cursor by `by` rows. */
  step(by: number): void {
    this.moveTo(this.host.hasAttribute('aria-activedescendant') ? this.cursor + by : 0);
  }

  /** To the last row. */
  last(): void {
    this.moveTo(this.rows.length - 1);
  }

  /** Rows that fit the view. */
  get page(): number {
    return Math.max(1, Math.floor(this.host.clientHeight / ROW_PX) - 1);
  }

  /** To the next or previous row that differs, round the end. */
  nextDifference(by: 1 | -1): void {
    const { state, alignment } = this.comparison;
    const differs = ({ pair }: Shown): boolean => {
      const how = state[pair] as number;
      if (how === ALIKE) return false;
      const parent = alignment.parent[pair] as number;
      return how === DIFFERENT || parent === -1 || state[parent] !== how;
    };
    const { length } = this.rows;
    const from = this.host.hasAttribute('aria-activedescendant') ? this.cursor : by > 0 ? -1 : 0;
    for (let i = 1; i <= length; i++) {
      const place = (((from + by * i) % length) + length) % length;
      if (differs(this.rows[place] as Shown)) return this.moveTo(place);
    }
  }

  /** Shows `pair`, opening what hides it, and puts the cursor there. */
  show(pair: number): void {
    const { parent, count } = this.comparison.alignment;
    if (pair < 0 || pair >= count) return;
    for (let up = parent[pair] as number; up !== -1; up = parent[up] as number)
      this.shut.delete(up);
    for (;;) {
      const { fold, opened, shut } = this;
      this.rows = visibleRows(this.comparison, { fold, opened, shut });
      const place = placeOf(this.rows, pair);
      const row = this.rows[place] as Shown;
      if (row.pair === pair || !row.folded) {
        this.refold();
        return this.moveTo(place);
      }
      this.opened.add(row.pair);
    }
  }

  /** Opens the row under the cursor, or goes to its first child. */
  open(): void {
    const row = this.rows[this.cursor];
    if (!row) return;
    if (row.folded) this.opened.add(row.pair);
    else if (row.shut) this.shut.delete(row.pair);
    else if ((this.comparison.alignment.subtreeSize[row.pair] as number) > 1)
      return this.moveTo(this.cursor + 1);
    else return;
    this.refold();
    this.moveTo(this.cursor);
  }

  /** Shuts the row under the cursor, or goes to its parent. */
  close(): void {
    const row = this.rows[this.cursor];
    if (!row) return;
    const { subtreeSize, parent } = this.comparison.alignment;
    const hasChildren = (subtreeSize[row.pair] as number) > 1;
    if (!row.folded && !row.shut && hasChildren) {
      if (this.opened.has(row.pair)) this.opened.delete(row.pair);
      else this.shut.add(row.pair);
      this.refold();
      this.moveTo(placeOf(this.rows, row.pair));
    } else if (parent[row.pair] !== -1) this.moveTo(placeOf(this.rows, parent[row.pair] as number));
  }

  private readonly onClick = (event: MouseEvent): void => {
    const target = event.target as Element;
    const row = target.closest<HTMLElement>('[role=row]');
    if (!row) return;
    this.moveTo(Number(row.dataset['place']));
    if (!target.closest(`.${styles.chevron}`)) return;
    if (row.getAttribute('aria-expanded') === 'true') this.close();
    else this.open();
  };
}

function percent(share: number): string {
  return Math.min(100, Math.max(0, share * 100)).toFixed(2);
}
