// Links back: spans anywhere in the store that name a span in their links. Found by SQL, which reads every link that is
// stored, so it is asked only when the reader wants it.

import { LOCAL_MARK } from '../api/local';
import { sqlRows, sqlString } from '../api/sql';

/** Links back that are listed. */
export const BACKLINKS_MAX = 100;

/** A span that links to another. */
export interface Backlink {
  traceId: string;
  spanId: string;
  service: string;
  name: string;
}

/** What was found. */
export interface Backlinks {
  links: Backlink[];
  /** True when there are more, or the server stopped before the end. */
  isCut: boolean;
}

/** The statement that finds links to a span. Ids are hex of 32 and 16 digits. */
export function backlinksStatement(traceId: string, spanId: string): string {
  if (!/^[0-9a-f]{32}$/.test(traceId) || !/^[0-9a-f]{16}$/.test(spanId))
    throw new RangeError('ids of a trace and a span are wanted');
  return `-- clew: backlinks
SELECT encode(trace_id, 'hex') AS trace_id, encode(span_id, 'hex') AS span_id, service_name, name
FROM (SELECT trace_id, span_id, service_name, name, start_time, unnest(links) AS link
      FROM spans WHERE cardinality(links) > 0)
WHERE link['trace_id'] = X'${traceId}' AND link['span_id'] = X'${spanId}'
ORDER BY start_time LIMIT ${BACKLINKS_MAX + 1}`;
}

/** Asks for the links to a span. */
export async function findBacklinks(
  traceId: string,
  spanId: string,
  signal: AbortSignal,
): Promise<Backlinks> {
  // The store may link to a trace that is shown from a file.
  const stored = traceId.startsWith(LOCAL_MARK) ? traceId.slice(LOCAL_MARK.length) : traceId;
  const { rows, stats } = await sqlRows(backlinksStatement(stored, spanId), signal);
  const links = rows.map(([trace, span, service, name]) => ({
    traceId: sqlString(trace),
    spanId: sqlString(span),
    service: sqlString(service),
    name: sqlString(name),
  }));
  return {
    links: links.slice(0, BACKLINKS_MAX),
    isCut: links.length > BACKLINKS_MAX || stats.truncated,
  };
}
