// The tree beside the bars: a pool of DOM rows, each reused for whatever span scrolls into its place. Real elements, so
// that text can be selected, found by assistive technology, and read by tests.

import { serviceColor, sharedParts, splitName, type SharedParts } from '../lib/service';
import { oneLine, plural } from '../lib/text';
import { formatDuration } from '../lib/duration';
import { firstFrom } from './find';
import { durationLabel, indentX, type Indent } from './layout';
import { foldLabel } from './paint';
import type { FoldStats } from './folds';
import { FLAG_ORPHAN, STATUS_ERROR } from './skeleton';
import type { TraceStore } from './store';
import styles from './waterfall.module.css';

/** Kinds by OTLP number. */
export const KIND_NAMES = ['', 'internal', 'server', 'client', 'producer', 'consumer'] as const;

/** Longest text of a label; the rest is in the panel. */
const LABEL_MAX = 160;

interface Row {
  element: HTMLElement;
  cell: HTMLElement;
  edge: HTMLElement;
  service: HTMLElement;
  name: HTMLElement;
  badges: HTMLElement;
  timing: HTMLElement;
  /** What is shown: its span, the version of the state that was written, and its place. */
  row: number;
  version: number;
  position: number;
}

function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className?: string,
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className) element.className = className;
  return element;
}

/** An icon of one path in a box of 16. */
function icon(path: string, className?: string): SVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  if (className) svg.setAttribute('class', className);
  const shape = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  shape.setAttribute('d', path);
  svg.append(shape);
  return svg;
}

function makeRow(id: string): Row {
  const element = make('div', styles.row);
  element.hidden = true;
  element.id = id;
  element.setAttribute('role', 'row');
  const cell = make('div', styles.cell);
  cell.setAttribute('role', 'gridcell');
  const chevron = make('span', styles.chevron);
  chevron.append(icon('M6 3.5 10.5 8 6 12.5'));
  const edge = make('i', styles.edge);
  const service = make('bdi', styles.service);
  const name = make('bdi', styles.name);
  const badges = make('span', styles.badges);
  cell.append(
    chevron,
    edge,
    icon('M8 2.2 14.3 13.4H1.7zM8 6.4v3.2M8 11.6v.01', styles.alert),
    service,
    name,
    badges,
  );
  const timing = make('div', 'sr');
  timing.setAttribute('role', 'gridcell');
  element.append(cell, timing);
  return { element, cell, edge, service, name, badges, timing, row: -1, version: -1, position: -1 };
}

/** See the module. */
export class RowPool {
  private readonly rows: Row[] = [];
  private shared: SharedParts;
  private readonly matchBits: { of: Uint32Array | undefined; flags: Uint8Array } = {
    of: undefined,
    flags: new Uint8Array(0),
  };

  constructor(
    private readonly layer: HTMLElement,
    private readonly store: TraceStore,
    private readonly prefix: string,
  ) {
    this.shared = sharedParts(store.skeleton.head.services);
  }

  /** The trace has other services now. */
  servicesChanged(): void {
    this.shared = sharedParts(this.store.skeleton.head.services);
  }

  /** Shows the rows at `count` positions from `first`; `version` tells one state of the store from another. */
  show(
    first: number,
    count: number,
    base: number,
    rowHeight: number,
    indent: Indent,
    version: number,
  ): void {
    while (this.rows.length < count) {
      const row = makeRow(`${this.prefix}-${this.rows.length}`);
      this.rows.push(row);
      this.layer.append(row.element);
    }
    const size = this.rows.length;
    const shown = Math.min(count, this.store.visible.count - first);
    for (let i = 0; i < size; i++) {
      const row = this.rows[(first + i) % size] as Row;
      if (i >= shown) {
        if (row.row !== -1) row.element.hidden = true;
        row.row = -1;
        continue;
      }
      const position = first + i;
      const span = this.store.visible.at(position);
      if (row.row !== span || row.version !== version) this.write(row, span, indent, version);
      const place = position - base;
      if (row.position !== place) {
        row.element.style.transform = `translateY(${place * rowHeight}px)`;
        row.position = place;
      }
    }
  }

  /** Id of the element that shows `span`, if one does. */
  idOf(span: number): string | null {
    return this.rows.find((row) => row.row === span)?.element.id ?? null;
  }

  private write(row: Row, span: number, indent: Indent, version: number): void {
    const { store } = this;
    const { skeleton, visible, find } = store;
    const { columns } = skeleton;
    const fold = visible.isFolded(span) ? visible.folds.statsOf(span) : undefined;
    const isError = fold ? fold.errors > 0 : columns.status[span] === STATUS_ERROR;
    const isMatch = this.isMatch(span);
    const isCurrent = isMatch && find.at !== -1 && find.matches[find.at] === span;
    const names = [
      styles.row,
      isError && styles.error,
      isMatch && styles.match,
      isCurrent && styles.current,
      visible.isContext(span) && styles.context,
    ];
    row.element.className = names.filter(Boolean).join(' ');
    if (isMatch) row.element.dataset['match'] = isCurrent ? 'current' : 'yes';
    else delete row.element.dataset['match'];
    if (row.row === -1) row.element.hidden = false;
    row.row = span;
    row.version = version;
    const service = skeleton.serviceName(span);
    const name = oneLine(skeleton.spanName(span), LABEL_MAX) || '(no name)';
    const serviceText = oneLine(service, LABEL_MAX);
    row.service.replaceChildren(...this.serviceParts(service));
    row.name.textContent = name;
    row.edge.style.setProperty('--c', serviceColor(service));
    row.cell.style.paddingLeft = `${indentX(columns.depth[span] as number, indent)}px`;
    row.cell.title = `${serviceText}  ${name}`;
    const timing = fold ? this.foldText(fold) : this.timingText(span, isError);
    row.timing.textContent = isMatch && !fold ? `match, ${timing}` : timing;
    this.writeBadges(row.badges, span, indent);
    this.writeTreeState(row.element, span);
  }

  /** The name of a service, with what most of this trace's services share dimmed. */
  private serviceParts(service: string): (Node | string)[] {
    const [before, core, after] = splitName(service, this.shared);
    const dimmed = (text: string): HTMLElement => {
      const part = make('span', styles.shared);
      part.textContent = oneLine(text, LABEL_MAX);
      return part;
    };
    const parts: (Node | string)[] = [oneLine(core, LABEL_MAX) || '(no name)'];
    if (before) parts.unshift(dimmed(before));
    if (after) parts.push(dimmed(after));
    return parts;
  }

  private writeTreeState(element: HTMLElement, span: number): void {
    const { skeleton, cursor, visible } = this.store;
    const isClosed = visible.isClosed(span);
    element.setAttribute('aria-level', String((skeleton.columns.depth[span] as number) + 1));
    element.setAttribute('aria-posinset', String(skeleton.ordinal[span]));
    element.setAttribute('aria-setsize', String(skeleton.siblings(span)));
    element.setAttribute('aria-selected', String(span === cursor));
    if (skeleton.childCount[span] === 0 && !isClosed) element.removeAttribute('aria-expanded');
    else element.setAttribute('aria-expanded', String(!isClosed));
  }

  private foldText(stats: FoldStats): string {
    const errors = stats.errors > 0 ? `, ${plural(stats.errors, 'error')}` : '';
    return `${stats.count} alike${errors}, first starts at ${formatDuration(stats.from)}, ${foldLabel(stats)}`;
  }

  private timingText(span: number, isError: boolean): string {
    const { start, duration, kind } = this.store.skeleton.columns;
    const begin = this.store.skeleton.hasNoStart(span)
      ? 'no start time'
      : `starts at ${formatDuration(start[span] as number)}`;
    const kindName = KIND_NAMES[kind[span] as number];
    return [isError && 'error', kindName, begin, durationLabel(duration[span] as number)]
      .filter(Boolean)
      .join(', ');
  }

  private writeBadges(host: HTMLElement, span: number, indent: Indent): void {
    const { skeleton, visible } = this.store;
    const { columns } = skeleton;
    const badges: HTMLElement[] = [];
    const add = (text: string, title: string, className?: string): HTMLElement => {
      const badge = make('span', className ? `${styles.badge} ${className}` : styles.badge);
      badge.textContent = text;
      badge.title = title;
      badges.push(badge);
      return badge;
    };
    const behind = this.matchesBehind(span);
    if (behind > 0)
      add(`${behind} matched`, `${plural(behind, 'span')} behind this row matched`, styles.matched);
    if (visible.folding && visible.folds.headOf(span) === span) {
      const { count, spans, errors } = visible.folds.statsOf(span);
      const inside = spans > count ? `, ${plural(spans, 'span')} with what is below them` : '';
      const words = `${count} spans of the same service and name follow each other${inside}`;
      if (visible.isFolded(span)) {
        add(`×${count}`, words, styles.hidden);
        if (errors > 0) add(plural(errors, 'error'), words, styles.failed);
        host.replaceChildren(...badges);
        return;
      }
      add(`fold ×${count}`, words, styles.hidden).dataset['fold'] = '';
    }
    if (visible.isCollapsed(span)) {
      const hidden = (columns.subtreeSize[span] as number) - 1;
      add(`+${hidden}`, `${plural(hidden, 'span')} below are hidden`, styles.hidden);
    }
    const events = columns.eventCount[span] as number;
    if (events > 0) add(String(events), plural(events, 'event'));
    const links = columns.linkCount[span] as number;
    if (links > 0) add(`↗${links}`, plural(links, 'link'));
    if ((columns.flags[span] as number) & FLAG_ORPHAN)
      add('orphan', 'Its parent is not among the spans of this trace', styles.odd);
    if (skeleton.isSkewed(span))
      add('skew', 'Starts before its parent: the clocks of the two services differ', styles.odd);
    const depth = columns.depth[span] as number;
    if (depth > indent.cap) add(`level ${depth + 1}`, 'Deeper than can be shown by indents');
    host.replaceChildren(...badges);
  }

  /** Matches that are not shown for themselves, because `span` is folded or collapsed. */
  private matchesBehind(span: number): number {
    const { visible, find } = this.store;
    if (!visible.isClosed(span) || find.matches.length === 0) return 0;
    const first = visible.isFolded(span) ? span : span + 1;
    return firstFrom(find.matches, visible.endOfShown(span)) - firstFrom(find.matches, first);
  }

  private isMatch(span: number): boolean {
    const { matches } = this.store.find;
    if (this.matchBits.of !== matches) {
      this.matchBits.flags = new Uint8Array(matches.length === 0 ? 0 : this.store.skeleton.count);
      for (const row of matches) this.matchBits.flags[row] = 1;
      this.matchBits.of = matches;
    }
    const { visible } = this.store;
    if (!visible.isFolded(span)) return this.matchBits.flags[span] === 1;
    // A folded run stands for every match in it.
    const next = matches[firstFrom(matches, span)];
    return next !== undefined && next < visible.endOfShown(span);
  }
}
