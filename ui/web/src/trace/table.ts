// Rows of the table view: spans or groups of spans, in the chosen order. Sorting is by numbers in typed arrays.

import type { CriticalPath } from './criticalPath';
import { groupRows, KINDS, keyText, type Group, type Grouping, STATUSES } from './figures';
import type { Skeleton } from './skeleton';

/** A column of the table. */
export interface Column<K extends string> {
  key: K;
  label: string;
  /** Says what the figures mean. */
  title?: string;
  isNumber?: boolean;
}

export type SpanKey =
  | 'start'
  | 'service'
  | 'name'
  | 'kind'
  | 'duration'
  | 'self'
  | 'critical'
  | 'status';
export type GroupKey =
  | 'group'
  | 'count'
  | 'errors'
  | 'sum'
  | 'self'
  | 'critical'
  | 'min'
  | 'median'
  | 'p95'
  | 'max';

const SELF = 'Time in which no child runs';
const CRITICAL = 'Time on the critical path';

export const SPAN_COLUMNS: readonly Column<SpanKey>[] = [
  { key: 'service', label: 'Service' },
  { key: 'name', label: 'Name' },
  { key: 'kind', label: 'Kind' },
  { key: 'status', label: 'Status' },
  { key: 'start', label: 'Start', isNumber: true },
  { key: 'duration', label: 'Duration', isNumber: true },
  { key: 'self', label: 'Self', title: SELF, isNumber: true },
  { key: 'critical', label: 'Critical', title: CRITICAL, isNumber: true },
];

export const GROUP_COLUMNS: readonly Column<GroupKey>[] = [
  { key: 'group', label: 'Group' },
  { key: 'count', label: 'Spans', isNumber: true },
  { key: 'errors', label: 'Errors', isNumber: true },
  { key: 'sum', label: 'Sum', title: 'Sum of durations', isNumber: true },
  { key: 'self', label: 'Self', title: SELF, isNumber: true },
  { key: 'critical', label: 'Critical', title: CRITICAL, isNumber: true },
  { key: 'min', label: 'Shortest', isNumber: true },
  { key: 'median', label: 'Median', isNumber: true },
  { key: 'p95', label: 'p95', isNumber: true },
  { key: 'max', label: 'Longest', isNumber: true },
];

/** A column and a direction: `-duration`, `start`. */
export interface Sort {
  key: string;
  descending: boolean;
}

/** Reads a sort from the URL. */
export function parseSort(text: string | undefined, fallback: string): Sort {
  const chosen = text || fallback;
  const descending = chosen.startsWith('-');
  return { key: descending ? chosen.slice(1) : chosen, descending };
}

/** The number by which a span is sorted; texts by their place among all texts of their column. */
function spanValue(
  skeleton: Skeleton,
  key: string,
  self: Float64Array,
  path: CriticalPath | undefined,
): (row: number) => number {
  const { start, duration, service, name, kind, status } = skeleton.columns;
  const ranked = (words: readonly string[], column: Int32Array): ((row: number) => number) => {
    const ranks = new Int32Array(words.length);
    words
      .map((_, i) => i)
      .sort((a, b) => ((words[a] as string) < (words[b] as string) ? -1 : 1))
      .forEach((word, rank) => (ranks[word] = rank));
    return (row) => ranks[column[row] as number] as number;
  };
  switch (key) {
    case 'service':
      return ranked(skeleton.head.services, service);
    case 'name':
      return ranked(skeleton.head.names, name);
    case 'kind':
      return (row) => kind[row] as number;
    case 'status':
      return (row) => status[row] as number;
    case 'duration':
      return (row) => duration[row] as number;
    case 'self':
      return (row) => self[row] as number;
    case 'critical':
      return (row) => path?.between(row, row + 1) ?? 0;
    default:
      return (row) => start[row] as number;
  }
}

/** Sorts `rows` in place; equal ones stay in the order of the tree. */
export function sortRows(
  skeleton: Skeleton,
  rows: Uint32Array,
  { key, descending }: Sort,
  self: Float64Array,
  path: CriticalPath | undefined,
): Uint32Array {
  const value = spanValue(skeleton, key, self, path);
  const values = new Float64Array(skeleton.count);
  for (const row of rows) values[row] = value(row);
  const sign = descending ? -1 : 1;
  return rows.sort((a, b) => sign * ((values[a] as number) - (values[b] as number)) || a - b);
}

/** Groups of `rows` in the chosen order. */
export function sortedGroups(
  skeleton: Skeleton,
  rows: Uint32Array,
  by: Grouping,
  { key, descending }: Sort,
  self: Float64Array,
  path: CriticalPath | undefined,
): Group[] {
  const groups = groupRows(skeleton, rows, by, self, path);
  const sign = descending ? -1 : 1;
  const text = (group: Group): string => group.key.join('\0');
  if (key === 'group') return groups.sort((a, b) => sign * (text(a) < text(b) ? -1 : 1));
  const value = key as Exclude<GroupKey, 'group'>;
  return groups.sort((a, b) => sign * ((a[value] ?? 0) - (b[value] ?? 0)));
}

/** Rows that are listed: of services that are on, and of the picked group. */
export function listedRows(
  skeleton: Skeleton,
  hidden: Uint8Array | undefined,
  by: Grouping | undefined,
  pick: readonly string[] | undefined,
): Uint32Array {
  const { service } = skeleton.columns;
  const found = new Uint32Array(skeleton.count);
  const wanted = by && pick ? pick.join('\0') : undefined;
  let count = 0;
  for (let row = 0; row < skeleton.count; row++) {
    if (hidden?.[service[row] as number]) continue;
    if (wanted !== undefined && by && keyText(skeleton, by, row).join('\0') !== wanted) continue;
    found[count++] = row;
  }
  return found.slice(0, count);
}

/** Kind of a row as text. */
export const kindText = ({ columns }: Skeleton, row: number): string =>
  KINDS[columns.kind[row] as number] ?? 'other';

/** Status of a row as text. */
export const statusText = ({ columns }: Skeleton, row: number): string =>
  STATUSES[columns.status[row] as number] ?? 'other';
