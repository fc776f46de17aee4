// Spans as a table, or groups of them with their statistics. React makes the head; the rows are written by hand.

import { ArrowDown, ArrowUp, X } from 'lucide-react';
import { useEffect, useMemo, useRef } from 'react';

import { formatDuration } from '../lib/duration';
import { serviceColor } from '../lib/service';
import { formatCount, oneLine, plural } from '../lib/text';
import { Button, classes, Icon } from '../ui/controls';
import { make, makeCell, makeRow } from './dom';
import { GROUPINGS, type Group, type Grouping } from './figures';
import { formatPosition } from './layout';
import { ListView } from './listView';
import { STATUS_ERROR } from './skeleton';
import type { TraceStore } from './store';
import { useStore } from './useStore';
import {
  GROUP_COLUMNS,
  kindText,
  listedRows,
  parseSort,
  sortedGroups,
  sortRows,
  SPAN_COLUMNS,
  statusText,
  type Column,
} from './table';
import styles from './views.module.css';
import type { ViewControl } from './views';

/** Longest text of a cell. */
const TEXT_MAX = 200;

const GROUP_WORDS: Record<Grouping, string> = {
  operation: 'Service and name',
  service: 'Service',
  name: 'Name',
  kind: 'Kind',
  status: 'Status',
};

interface Props {
  store: TraceStore;
  onOpen: (row: number) => void;
  onMount: (view: ViewControl | undefined) => void;
}

/** See the module. */
export function TableView(props: Props) {
  const { store } = props;
  const { group, pick, sort } = useStore(store, ['options'], ({ table }) => table);
  const isGroups = group !== undefined && pick === undefined;
  return (
    <div className={styles.view}>
      <div className={styles.bar}>
        <label className={styles.choice}>
          Group by
          <select
            value={group ?? ''}
            onChange={(event) => {
              const by = GROUPINGS.find((each) => each === event.target.value);
              store.setTable({ group: by });
            }}
          >
            <option value="">nothing</option>
            {GROUPINGS.map((each) => (
              <option key={each} value={each}>
                {GROUP_WORDS[each]}
              </option>
            ))}
          </select>
        </label>
        {group && pick && (
          <Button size="small" onClick={() => store.setTable({ group })} title="Back to the groups">
            {GROUP_WORDS[group]}: {oneLine(pick.join(' '), 80)}
            <Icon of={X} />
          </Button>
        )}
        <Total store={store} isGroups={isGroups} />
      </div>
      {isGroups ? (
        <Groups {...props} by={group} sort={sort} />
      ) : (
        <Spans {...props} by={group} pick={pick} sort={sort} />
      )}
    </div>
  );
}

/** Renewed when rows, services or the path change. */
function useRows(store: TraceStore, by: Grouping | undefined, pick: string[] | undefined) {
  const count = useStore(store, ['rows'], ({ skeleton }) => skeleton.count);
  const complete = useStore(store, ['rows'], (state) => state.complete);
  const hidden = useStore(store, ['options', 'rows'], ({ visible }) => visible.hidden);
  return useMemo(
    () => ({ rows: listedRows(store.skeleton, hidden, by, pick), version: `${count} ${complete}` }),
    [store, count, complete, hidden, by, pick],
  );
}

function Total({ store, isGroups }: { store: TraceStore; isGroups: boolean }) {
  const { group, pick } = useStore(store, ['options'], ({ table }) => table);
  const { rows } = useRows(store, group, pick);
  return (
    <span className="t2" role="status">
      {plural(rows.length, 'span')}
      {isGroups && ', press a row for its spans'}
    </span>
  );
}

function Head<K extends string>(props: {
  columns: readonly Column<K>[];
  sort: { key: string; descending: boolean };
  onSort: (key: K) => void;
}) {
  const { columns, sort, onSort } = props;
  return (
    <div role="row" className={styles.head} aria-rowindex={1}>
      {columns.map(({ key, label, title, isNumber }) => {
        const isSorted = sort.key === key;
        return (
          <div
            key={key}
            role="columnheader"
            className={classes(isNumber && styles.number)}
            aria-sort={isSorted ? (sort.descending ? 'descending' : 'ascending') : 'none'}
          >
            <button type="button" title={title} onClick={() => onSort(key)}>
              {label}
              {isSorted && <Icon of={sort.descending ? ArrowDown : ArrowUp} />}
            </button>
          </div>
        );
      })}
    </div>
  );
}

/** The next sort when the head of a column is pressed: figures start with the largest. */
function nextSort(sort: { key: string; descending: boolean }, column: Column<string>): string {
  const descending = sort.key === column.key ? !sort.descending : column.isNumber === true;
  return descending ? `-${column.key}` : column.key;
}

function cellsOf(row: HTMLElement, className?: string): HTMLElement[] {
  row.className = className ?? '';
  return [...row.children] as HTMLElement[];
}

function makeRowOf(columns: readonly Column<string>[], base: string | undefined): HTMLElement {
  const row = makeRow(base);
  for (const { isNumber } of columns) makeCell(row, isNumber ? styles.number : styles.text);
  return row;
}

function writeService(cell: HTMLElement, service: string): void {
  const edge = make('i', styles.edge);
  edge.style.setProperty('--c', serviceColor(service));
  const name = make('bdi');
  name.textContent = oneLine(service, TEXT_MAX) || '(no name)';
  cell.replaceChildren(edge, name);
}

function writeText(cell: HTMLElement, text: string, className?: string): void {
  const name = make('bdi', className);
  name.textContent = oneLine(text, TEXT_MAX) || '(no name)';
  cell.replaceChildren(name);
}

/** A figure over a bar that shows its share of the largest. */
function writeBar(cell: HTMLElement, text: string, share: number, color: string): void {
  const bar = make('i', styles.share);
  bar.style.setProperty('--share', String(Math.min(1, Math.max(0, share))));
  bar.style.setProperty('--c', color);
  const figure = make('span');
  figure.textContent = text;
  cell.replaceChildren(bar, figure);
}

const time = (ns: number): string => (ns === 0 ? '–' : formatDuration(ns));

function Spans({
  store,
  onOpen,
  onMount,
  by,
  pick,
  sort: sortText,
}: Props & { by: Grouping | undefined; pick: string[] | undefined; sort: string | undefined }) {
  const host = useRef<HTMLDivElement>(null);
  const sort = useMemo(() => parseSort(sortText, 'start'), [sortText]);
  const { rows, version } = useRows(store, by, pick);
  useEffect(() => {
    if (!host.current) return undefined;
    const { skeleton, full } = store;
    const self = store.selfTotals();
    const path = store.criticalPath();
    const { start, duration, status } = skeleton.columns;
    const sorted = sortRows(skeleton, rows.slice(), sort, self, path);
    const write = (element: HTMLElement, index: number): void => {
      const row = sorted[index] as number;
      const isError = status[row] === STATUS_ERROR;
      const [service, name, kind, state, begin, length, own, critical] = cellsOf(
        element,
        classes(styles.row, styles.spanRow, isError && styles.error),
      ) as [HTMLElement, HTMLElement, HTMLElement, HTMLElement, ...HTMLElement[]];
      writeService(service, skeleton.serviceName(row));
      writeText(name, skeleton.spanName(row));
      kind.textContent = kindText(skeleton, row);
      state.textContent = statusText(skeleton, row);
      begin!.textContent = skeleton.hasNoStart(row)
        ? 'unknown'
        : formatPosition(start[row] as number, full.to / 1e4);
      const ns = duration[row] as number;
      writeBar(length!, formatDuration(ns), ns / full.to, serviceColor(skeleton.serviceName(row)));
      own!.textContent = time(self[row] as number);
      critical!.textContent = time(path?.between(row, row + 1) ?? 0);
    };
    const list = new ListView(host.current, host.current.querySelector<HTMLElement>('[role=row]'), {
      count: () => sorted.length,
      make: () => makeRowOf(SPAN_COLUMNS, classes(styles.row, styles.spanRow)),
      write,
      onCursor: (index) => store.setCursor(sorted[index] as number),
      onOpen: (index) => onOpen(sorted[index] as number),
    });
    const follow = (): void => {
      const index = store.cursor === -1 ? -1 : sorted.indexOf(store.cursor);
      if (index !== list.cursor) list.setCursor(index);
    };
    follow();
    const off = store.on(['cursor'], follow);
    onMount(list);
    return () => {
      off();
      onMount(undefined);
      list.destroy();
    };
  }, [store, onOpen, onMount, rows, version, sort]);
  return (
    <div
      ref={host}
      role="grid"
      tabIndex={0}
      aria-label="Spans"
      aria-rowcount={rows.length + 1}
      className={classes(styles.list, styles.spans)}
    >
      <Head
        columns={SPAN_COLUMNS}
        sort={sort}
        onSort={(key) => {
          const column = SPAN_COLUMNS.find((each) => each.key === key) as Column<string>;
          store.setTable({ ...store.table, sort: nextSort(sort, column) });
        }}
      />
    </div>
  );
}

function writeGroup(element: HTMLElement, group: Group, most: Group): void {
  const cells = cellsOf(element, classes(styles.row, styles.groupRow));
  const [name, count, errors, sum, self, critical, min, median, p95, max] = cells as [
    HTMLElement,
    ...HTMLElement[],
  ];
  const [first = '', second] = group.key;
  if (group.service === -1) writeText(name, first);
  else writeService(name, first);
  if (second !== undefined) {
    const operation = make('bdi', styles.operation);
    operation.textContent = oneLine(second, TEXT_MAX) || '(no name)';
    name.append(operation);
  }
  const color = group.service === -1 ? 'var(--text-3)' : serviceColor(first);
  count!.textContent = formatCount(group.count);
  errors!.textContent = group.errors === 0 ? '–' : formatCount(group.errors);
  errors!.className = classes(styles.number, group.errors > 0 && 'err');
  sum!.textContent = time(group.sum);
  writeBar(self!, time(group.self), group.self / most.self, color);
  critical!.textContent = time(group.critical);
  min!.textContent = time(group.min);
  median!.textContent = time(group.median);
  p95!.textContent = time(group.p95);
  max!.textContent = time(group.max);
}

function Groups({
  store,
  onMount,
  by,
  sort: sortText,
}: Props & { by: Grouping; sort: string | undefined }) {
  const host = useRef<HTMLDivElement>(null);
  const sort = useMemo(() => parseSort(sortText, '-self'), [sortText]);
  const { rows, version } = useRows(store, undefined, undefined);
  const groups = useMemo(
    () => sortedGroups(store.skeleton, rows, by, sort, store.selfTotals(), store.criticalPath()),
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- `version` says that rows came in
    [store, rows, by, sort, version],
  );
  useEffect(() => {
    if (!host.current) return undefined;
    const most = groups.reduce(
      (max, group) => (group.self > max.self ? group : max),
      groups[0] ?? ({ self: 1 } as Group),
    );
    const list = new ListView(host.current, host.current.querySelector<HTMLElement>('[role=row]'), {
      count: () => groups.length,
      make: () => makeRowOf(GROUP_COLUMNS, classes(styles.row, styles.groupRow)),
      write: (element, index) => writeGroup(element, groups[index] as Group, most),
      onOpen: (index) =>
        store.setTable({ group: by, pick: [...(groups[index] as Group).key], sort: '-duration' }),
    });
    onMount(list);
    return () => {
      onMount(undefined);
      list.destroy();
    };
  }, [store, onMount, groups, by]);
  return (
    <div
      ref={host}
      role="grid"
      tabIndex={0}
      aria-label="Groups of spans"
      aria-rowcount={groups.length + 1}
      className={classes(styles.list, styles.groups)}
    >
      <Head
        columns={GROUP_COLUMNS}
        sort={sort}
        onSort={(key) => {
          const column = GROUP_COLUMNS.find((each) => each.key === key) as Column<string>;
          store.setTable({ ...store.table, sort: nextSort(sort, column) });
        }}
      />
    </div>
  );
}
