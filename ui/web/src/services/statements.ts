// The statements behind services and map. Each begins with a comment that names it, for whoever reads the server's log.
//
// Counts are sums of weights: a span that stands for ten counts ten times.

import { sqlInstant, sqlText } from '../api/sql';
import type { Nanos } from '../lib/zone';

/** Ends of the time looked at: from (inclusive) to (exclusive). */
export interface Bounds {
  from?: Nanos | undefined;
  to?: Nanos | undefined;
}

/** Which spans of a service count: the ones that answer a request, that send one, or all. */
export type Role = 'entry' | 'client' | 'all';

/** Kinds of span that answer a request, and that send one. */
const KINDS: Record<Exclude<Role, 'all'>, string> = {
  entry: "kind IN ('server', 'consumer')",
  client: "kind IN ('client', 'producer')",
};

/** Steps of the heatmap for each power of ten. */
export const HEAT_STEPS = 8;

const COUNT = 'sum(sample_weight) AS calls';
const ERRORS = "sum(CASE WHEN status_code = 'error' THEN sample_weight ELSE 0 END) AS errors";

function percentile(share: number): string {
  const name = `p${share * 100}`;
  return `approx_percentile_cont_with_weight(sample_weight, ${share}) WITHIN GROUP (ORDER BY duration_ns) AS ${name}`;
}

const PERCENTILES = [0.5, 0.95, 0.99].map(percentile).join(', ');

function where(bounds: Bounds, ...more: (string | undefined)[]): string {
  const { from, to } = bounds;
  const parts = [
    from === undefined ? undefined : `start_time >= ${sqlInstant(from)}`,
    to === undefined ? undefined : `start_time < ${sqlInstant(to)}`,
    ...more,
  ].filter((part) => part !== undefined);
  return parts.length > 0 ? `WHERE ${parts.join(' AND ')}` : '';
}

const bin = (seconds: number): string =>
  `date_bin(INTERVAL '${Math.max(1, Math.floor(seconds))} seconds', start_time, ${sqlInstant(0n)})`;

const roleOf = (role: Role): string | undefined => (role === 'all' ? undefined : KINDS[role]);
const serviceIs = (service: string): string => `service_name = ${sqlText(service)}`;

/** When the first and last span started, and how many there are. */
export function extentSql(bounds: Bounds): string {
  return `-- clew: extent
SELECT min(start_time) AS first, max(start_time) AS last, count(*) AS spans FROM spans ${where(bounds)}`;
}

/** Figures of each service, its answering spans and the others apart. */
export function servicesSql(bounds: Bounds): string {
  return `-- clew: services
SELECT service_name, CASE WHEN ${KINDS.entry} THEN 'entry' ELSE 'all' END AS role, ${COUNT}, ${ERRORS}, ${PERCENTILES}
FROM spans ${where(bounds)} GROUP BY 1, 2`;
}

/** Calls of each service in each bucket. */
export function servicesTrendSql(bounds: Bounds, seconds: number): string {
  return `-- clew: services trend
SELECT service_name, CASE WHEN ${KINDS.entry} THEN 'entry' ELSE 'all' END AS role, ${bin(seconds)} AS bucket, ${COUNT}, ${ERRORS}
FROM spans ${where(bounds)} GROUP BY 1, 2, 3`;
}

/** Kinds of spans that a service has, and when. */
export function kindsSql(service: string, bounds: Bounds): string {
  return `-- clew: kinds
SELECT kind, ${COUNT}, min(start_time) AS first, max(start_time) AS last
FROM spans ${where(bounds, serviceIs(service))} GROUP BY 1`;
}

/** Figures of a service in each bucket. */
export function seriesSql(service: string, role: Role, bounds: Bounds, seconds: number): string {
  return `-- clew: series
SELECT ${bin(seconds)} AS bucket, ${COUNT}, ${ERRORS}, ${PERCENTILES}
FROM spans ${where(bounds, serviceIs(service), roleOf(role))} GROUP BY 1 ORDER BY 1`;
}

/** How many spans of a service lie in each cell of time and duration. */
export function heatSql(service: string, role: Role, bounds: Bounds, seconds: number): string {
  return `-- clew: heat
SELECT ${bin(seconds)} AS bucket, CAST(floor(log10(duration_ns) * ${HEAT_STEPS}) AS INT) AS level, ${COUNT}
FROM spans ${where(bounds, serviceIs(service), roleOf(role), 'duration_ns > 0')} GROUP BY 1, 2`;
}

/** Figures of each operation of a service. */
export function operationsSql(service: string, role: Role, bounds: Bounds): string {
  return `-- clew: operations
SELECT name, ${COUNT}, ${ERRORS}, ${PERCENTILES}, sum(sample_weight * duration_ns) AS total
FROM spans ${where(bounds, serviceIs(service), roleOf(role))} GROUP BY 1 ORDER BY total DESC LIMIT 500`;
}

/** Calls of each operation of a service in each bucket. */
export function operationsTrendSql(
  service: string,
  role: Role,
  bounds: Bounds,
  seconds: number,
): string {
  return `-- clew: operations trend
SELECT name, ${bin(seconds)} AS bucket, ${COUNT}
FROM spans ${where(bounds, serviceIs(service), roleOf(role))} GROUP BY 1, 2`;
}

/** Spans of a service to look at: the slowest, or the newest that failed. */
export function samplesSql(
  service: string,
  role: Role,
  bounds: Bounds,
  which: 'slowest' | 'errors',
): string {
  const failed = which === 'errors' ? "status_code = 'error'" : undefined;
  const order = which === 'errors' ? 'start_time' : 'duration_ns';
  return `-- clew: samples
SELECT trace_id, span_id, name, start_time, duration_ns, status_code, status_message
FROM spans ${where(bounds, serviceIs(service), roleOf(role), failed)} ORDER BY ${order} DESC LIMIT 12`;
}

/** Errors and durations of the calls between services: the span of the called side. */
export function edgesSql(bounds: Bounds): string {
  const { from, to } = bounds;
  const parts = [
    'callee.service_name <> caller.service_name',
    from === undefined ? undefined : `callee.start_time >= ${sqlInstant(from)}`,
    to === undefined ? undefined : `callee.start_time < ${sqlInstant(to)}`,
  ].filter((part) => part !== undefined);
  return `-- clew: edges
SELECT caller.service_name AS caller, callee.service_name AS callee, sum(callee.sample_weight) AS calls,
  sum(CASE WHEN callee.status_code = 'error' THEN callee.sample_weight ELSE 0 END) AS errors,
  approx_percentile_cont(callee.duration_ns, 0.95) AS p95
FROM spans callee JOIN spans caller ON callee.trace_id = caller.trace_id AND callee.parent_span_id = caller.span_id
WHERE ${parts.join(' AND ')} GROUP BY 1, 2`;
}
