// Where a span stands among all that the store has of its service, name and kind: found by SQL, over the hour before it.

import { sqlInstant, sqlNumber, sqlRows, sqlText } from '../api/sql';

/** How far back is looked, ns. */
const WINDOW_NS = 3_600_000_000_000n;

/** The span that is ranked. */
export interface Ranked {
  service: string;
  name: string;
  kind: string;
  start: bigint;
  duration: bigint;
}

/** What its like take. Counts are by weight. */
export interface Rank {
  count: number;
  /** Those that took less time. */
  faster: number;
  errors: number;
  median: number;
  p95: number;
}

/** Start of the hour that is looked at, and the first instant after it. */
export function windowOf({ start }: Ranked): { from: bigint; to: bigint } {
  return { from: start - WINDOW_NS, to: start + 1n };
}

/** The statement that ranks a span. */
export function rankStatement(span: Ranked): string {
  const { from, to } = windowOf(span);
  return `-- clew: rank
SELECT sum(sample_weight) AS spans,
  sum(CASE WHEN duration_ns < ${span.duration} THEN sample_weight ELSE 0 END) AS faster,
  sum(CASE WHEN status_code = 'error' THEN sample_weight ELSE 0 END) AS errors,
  approx_percentile_cont_with_weight(sample_weight, 0.5) WITHIN GROUP (ORDER BY duration_ns) AS median,
  approx_percentile_cont_with_weight(sample_weight, 0.95) WITHIN GROUP (ORDER BY duration_ns) AS p95
FROM spans
WHERE start_time >= ${sqlInstant(from)} AND start_time < ${sqlInstant(to)}
  AND service_name = ${sqlText(span.service)} AND name = ${sqlText(span.name)}
  AND kind = ${sqlText(span.kind)}`;
}

/** Asks where a span stands; undefined when the store has none of its like. */
export async function findRank(span: Ranked, signal: AbortSignal): Promise<Rank | null> {
  const { rows } = await sqlRows(rankStatement(span), signal);
  const [count, faster, errors, median, p95] = (rows[0] ?? []).map(sqlNumber);
  if (!count || median === undefined || p95 === undefined) return null;
  return { count, faster: faster ?? 0, errors: errors ?? 0, median, p95 };
}

/** `p97`; the share of its like that a span is slower than, never rounded up to all of them. */
export function percentileOf({ count, faster }: Rank): string {
  return `p${Math.min(99, Math.floor((faster / count) * 100))}`;
}
