// Figures of all spans of a trace at once: self time, and groups with their statistics. Plain loops over typed arrays.

import type { CriticalPath } from './criticalPath';
import { quantile } from './folds';
import { selfStretches, totalOf } from './selfTime';
import { STATUS_ERROR, type Skeleton } from './skeleton';

/** Kinds by OTLP number, as a reader sees them. */
export const KINDS = [
  'unspecified',
  'internal',
  'server',
  'client',
  'producer',
  'consumer',
] as const;

/** Statuses by OTLP number. */
export const STATUSES = ['unset', 'ok', 'error'] as const;

/** Self time of every span, ns: when none of its children runs. */
export function selfTotals(skeleton: Skeleton): Float64Array {
  const { start, duration, subtreeSize } = skeleton.columns;
  const totals = new Float64Array(skeleton.count);
  for (let row = 0; row < skeleton.count; row++) {
    const from = start[row] as number;
    const to = from + Math.max(0, duration[row] as number);
    let self = to - from;
    let at = from;
    let isOrdered = true;
    let before = Number.NEGATIVE_INFINITY;
    for (let child = row + 1; child < skeleton.end(row); child += subtreeSize[child] as number) {
      const begin = start[child] as number;
      if (begin < before) {
        isOrdered = false;
        break;
      }
      before = begin;
      const covered = Math.min(to, begin + (duration[child] as number)) - Math.max(at, begin);
      if (covered <= 0) continue;
      self -= covered;
      at = Math.max(at, Math.min(to, begin + (duration[child] as number)));
    }
    totals[row] = isOrdered ? self : totalOf(selfStretches(skeleton, row));
  }
  return totals;
}

/** What spans can be grouped by. */
export const GROUPINGS = ['operation', 'service', 'name', 'kind', 'status'] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** Spans that have something in common. Times are ns. */
export interface Group {
  /** What they have in common, as text: service and name for operations, else one of them. */
  key: readonly string[];
  /** Number of the service, where all are of one. */
  service: number;
  count: number;
  errors: number;
  sum: number;
  min: number;
  median: number;
  p95: number;
  max: number;
  self: number;
  critical: number;
}

/** What tells groups apart, for each row: a number. */
export function keyOf({ head, columns }: Skeleton, by: Grouping): (row: number) => number {
  const { service, name, kind, status } = columns;
  switch (by) {
    case 'operation':
      return (row) => (service[row] as number) * head.names.length + (name[row] as number);
    case 'service':
      return (row) => service[row] as number;
    case 'name':
      return (row) => name[row] as number;
    case 'kind':
      return (row) => kind[row] as number;
    case 'status':
      return (row) => status[row] as number;
  }
}

/** The key of `row` as text. */
export function keyText(skeleton: Skeleton, by: Grouping, row: number): string[] {
  const { kind, status } = skeleton.columns;
  switch (by) {
    case 'operation':
      return [skeleton.serviceName(row), skeleton.spanName(row)];
    case 'service':
      return [skeleton.serviceName(row)];
    case 'name':
      return [skeleton.spanName(row)];
    case 'kind':
      return [KINDS[kind[row] as number] ?? 'other'];
    case 'status':
      return [STATUSES[status[row] as number] ?? 'other'];
  }
}

/** Groups of `rows`, in the order of their first span. */
export function groupRows(
  skeleton: Skeleton,
  rows: Uint32Array,
  by: Grouping,
  self: Float64Array,
  path: CriticalPath | undefined,
): Group[] {
  const { duration, status, service } = skeleton.columns;
  const key = keyOf(skeleton, by);
  const numbers = new Map<number, number>();
  const groupOf = new Int32Array(rows.length);
  const groups: Group[] = [];
  rows.forEach((row, i) => {
    const number = numbers.get(key(row)) ?? groups.length;
    groupOf[i] = number;
    if (number === groups.length) {
      numbers.set(key(row), number);
      groups.push({
        key: keyText(skeleton, by, row),
        service: by === 'operation' || by === 'service' ? (service[row] as number) : -1,
        count: 0,
        errors: 0,
        sum: 0,
        min: 0,
        median: 0,
        p95: 0,
        max: 0,
        self: 0,
        critical: 0,
      });
    }
    const group = groups[number] as Group;
    group.count++;
    group.sum += duration[row] as number;
    group.self += self[row] as number;
    if (status[row] === STATUS_ERROR) group.errors++;
    if (path) group.critical += path.between(row, row + 1);
  });
  spread(groups, groupOf, rows, duration);
  return groups;
}

/** Sorts the durations of each group and takes their quantiles. */
function spread(
  groups: readonly Group[],
  groupOf: Int32Array,
  rows: Uint32Array,
  duration: Float64Array,
): void {
  const ends = new Int32Array(groups.length);
  let sum = 0;
  groups.forEach((group, i) => (ends[i] = sum += group.count));
  const sorted = new Float64Array(rows.length);
  for (let i = rows.length - 1; i >= 0; i--) {
    const group = groupOf[i] as number;
    const place = (ends[group] as number) - 1;
    ends[group] = place;
    sorted[place] = duration[rows[i] as number] as number;
  }
  groups.forEach((group, i) => {
    const durations = sorted.subarray(ends[i], (ends[i] as number) + group.count).sort();
    group.min = durations[0] as number;
    group.median = quantile(durations, 0.5);
    group.p95 = quantile(durations, 0.95);
    group.max = durations.at(-1) as number;
  });
}
