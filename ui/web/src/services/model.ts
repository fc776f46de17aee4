// Rate, errors and duration, read from rows of the statements.

import { sqlNumber, sqlString, sqlTime, type SqlAnswer } from '../api/sql';
import type { Nanos } from '../lib/zone';
import type { Role } from './statements';

/** Figures of a set of calls. Durations are ns; absent without a call. */
export interface Red {
  calls: number;
  errors: number;
  p50: number | undefined;
  p95: number | undefined;
  p99: number | undefined;
}

/** A row by the names of its columns. */
type Row = (name: string) => unknown;

function rowsOf({ columns, rows }: SqlAnswer): Row[] {
  const places = new Map(columns.map(({ name }, i) => [name.toLowerCase(), i]));
  return rows.map(
    (row): Row =>
      (name) =>
        row[places.get(name) ?? -1] ?? null,
  );
}

function redOf(row: Row): Red {
  return {
    calls: sqlNumber(row('calls')) ?? 0,
    errors: sqlNumber(row('errors')) ?? 0,
    p50: sqlNumber(row('p50')),
    p95: sqlNumber(row('p95')),
    p99: sqlNumber(row('p99')),
  };
}

/** Milliseconds since the epoch of the bucket of a row. */
function bucketOf(row: Row): number {
  return Number((sqlTime(row('bucket')) ?? 0n) / 1_000_000n);
}

/** When the data lies. */
export interface Extent {
  first: Nanos;
  last: Nanos;
  spans: number;
}

/** Undefined when there is none. */
export function extentOf(answer: SqlAnswer): Extent | undefined {
  const [row] = rowsOf(answer);
  const first = row && sqlTime(row('first'));
  const last = row && sqlTime(row('last'));
  if (first === undefined || last === undefined) return undefined;
  return { first, last, spans: sqlNumber(row?.('spans')) ?? 0 };
}

/** One service in the list. */
export interface ServiceFigures extends Red {
  name: string;
  /** `all` when it has no span that answers a request. */
  role: Extract<Role, 'entry' | 'all'>;
}

/** Services with the figures of their answering spans, or of all where there are none. */
export function servicesOf(answer: SqlAnswer): ServiceFigures[] {
  const found = new Map<string, ServiceFigures>();
  for (const row of rowsOf(answer)) {
    const name = sqlString(row('service_name'));
    const role = row('role') === 'entry' ? 'entry' : 'all';
    if (role === 'entry' || !found.has(name)) found.set(name, { name, role, ...redOf(row) });
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Calls by bucket, of one name. */
export type Trend = { at: number; calls: number; errors: number }[];

/** Trends by name; `role` must be the one that the list shows. */
export function trendsOf(
  answer: SqlAnswer,
  roles?: ReadonlyMap<string, string>,
): Map<string, Trend> {
  const trends = new Map<string, Trend>();
  for (const row of rowsOf(answer)) {
    const name = sqlString(row(roles ? 'service_name' : 'name'));
    if (roles && roles.get(name) !== row('role')) continue;
    const trend = trends.get(name) ?? [];
    trends.set(name, trend);
    trend.push({
      at: bucketOf(row),
      calls: sqlNumber(row('calls')) ?? 0,
      errors: sqlNumber(row('errors')) ?? 0,
    });
  }
  for (const trend of trends.values()) trend.sort((a, b) => a.at - b.at);
  return trends;
}

/** Figures of one bucket. */
export interface Bucket extends Red {
  /** Ms since the epoch. */
  at: number;
}

/** Buckets in order. */
export function seriesOf(answer: SqlAnswer): Bucket[] {
  return rowsOf(answer)
    .map((row): Bucket => Object.assign(redOf(row), { at: bucketOf(row) }))
    .sort((a, b) => a.at - b.at);
}

/** A cell of the heatmap. */
export interface HeatCell {
  at: number;
  level: number;
  calls: number;
}

/** Cells that are not empty. */
export function heatOf(answer: SqlAnswer): HeatCell[] {
  return rowsOf(answer).map((row) => ({
    at: bucketOf(row),
    level: sqlNumber(row('level')) ?? 0,
    calls: sqlNumber(row('calls')) ?? 0,
  }));
}

/** One operation. */
export interface Operation extends Red {
  name: string;
  /** Sum of durations, ns. */
  total: number;
}

/** Operations, the ones with most time first. */
export function operationsOf(answer: SqlAnswer): Operation[] {
  return rowsOf(answer)
    .map((row): Operation =>
      Object.assign(redOf(row), {
        name: sqlString(row('name')),
        total: sqlNumber(row('total')) ?? 0,
      }),
    )
    .sort((a, b) => b.total - a.total);
}

/** A span to look at. */
export interface Sample {
  traceId: string;
  spanId: string;
  name: string;
  start: Nanos | undefined;
  duration: number;
  failed: boolean;
  message: string;
}

/** Spans in the order of the answer. */
export function samplesOf(answer: SqlAnswer): Sample[] {
  return rowsOf(answer).map((row) => ({
    traceId: sqlString(row('trace_id')),
    spanId: sqlString(row('span_id')),
    name: sqlString(row('name')),
    start: sqlTime(row('start_time')),
    duration: sqlNumber(row('duration_ns')) ?? 0,
    failed: row('status_code') === 'error',
    message: sqlString(row('status_message')),
  }));
}

/** What kinds of spans a service has, and when its data lies. */
export interface Kinds {
  entry: number;
  client: number;
  all: number;
  extent: Extent | undefined;
}

/** See {@link Kinds}. */
export function kindsOf(answer: SqlAnswer): Kinds {
  const kinds: Kinds = { entry: 0, client: 0, all: 0, extent: undefined };
  for (const row of rowsOf(answer)) {
    const calls = sqlNumber(row('calls')) ?? 0;
    const kind = row('kind');
    kinds.all += calls;
    if (kind === 'server' || kind === 'consumer') kinds.entry += calls;
    if (kind === 'client' || kind === 'producer') kinds.client += calls;
    const first = sqlTime(row('first'));
    const last = sqlTime(row('last'));
    if (first === undefined || last === undefined) continue;
    const { extent } = kinds;
    kinds.extent = {
      first: extent && extent.first < first ? extent.first : first,
      last: extent && extent.last > last ? extent.last : last,
      spans: kinds.all,
    };
  }
  return kinds;
}

/** Errors and p95 of the calls from one service to another. */
export interface EdgeFigures {
  caller: string;
  callee: string;
  calls: number;
  errors: number;
  p95: number | undefined;
}

/** Edges as SQL knows them. */
export function edgesOf(answer: SqlAnswer): EdgeFigures[] {
  return rowsOf(answer).map((row) => ({
    caller: sqlString(row('caller')),
    callee: sqlString(row('callee')),
    calls: sqlNumber(row('calls')) ?? 0,
    errors: sqlNumber(row('errors')) ?? 0,
    p95: sqlNumber(row('p95')),
  }));
}

/** Share of errors as text: `0`, `0.42 %`, `8.4 %`, `100 %`. */
export function errorShare({ calls, errors }: Pick<Red, 'calls' | 'errors'>): string {
  if (errors === 0 || calls === 0) return '0';
  const percent = (errors / calls) * 100;
  if (percent < 0.01) return '< 0.01 %';
  return `${percent < 10 ? percent.toPrecision(2) : percent.toFixed(percent < 99.5 ? 1 : 0)} %`;
}

/** Calls in a minute as text. */
export function perMinute(calls: number, ms: number): string {
  const rate = calls / Math.max(ms / 60_000, 1 / 60);
  if (rate === 0) return '0';
  if (rate < 0.1) return '< 0.1';
  return rate < 100
    ? String(Number(rate.toPrecision(3)))
    : Math.round(rate).toLocaleString('en-US');
}
