// Answers about a trace of an opened file, in the form of the server's.

import type { FileSpan, FileTrace } from './spans';

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUSES = ['unset', 'ok', 'error'];

/** What such an answer covers: all of the file. */
export const WHOLE = {
  complete: true,
  segments_total: 0,
  segments_read: 0,
  reasons: [] as string[],
  elapsed_ms: 0,
};

function dictionary(values: readonly string[]): { words: string[]; indices: number[] } {
  const places = new Map<string, number>();
  const indices = values.map((value) => {
    const place = places.get(value) ?? places.size;
    places.set(value, place);
    return place;
  });
  return { words: [...places.keys()], indices };
}

/** Head and columns of a skeleton. */
export function skeletonOf(trace: FileTrace, coverage = WHOLE) {
  const services = dictionary(trace.rows.map((span) => span.service));
  const names = dictionary(trace.rows.map((span) => span.name));
  const head = {
    trace_id: trace.traceId,
    start_time_unix_nano: trace.start.toString(),
    duration_ns: trace.duration.toString(),
    span_count: trace.rows.length,
    error_count: trace.rows.filter((span) => span.status === 2).length,
    orphan_count: trace.orphans,
    depth: trace.depth.reduce((most, depth) => Math.max(most, depth + 1), 0),
    root_service_name: trace.root.service,
    root_name: trace.root.name,
    services: services.words,
    names: names.words,
    truncated_span_count: 0,
    coverage,
  };
  const columns = {
    span_id: trace.rows.map((span) => span.spanId),
    parent_row: trace.parentRow,
    depth: trace.depth,
    subtree_size: trace.subtreeSize,
    start_offset_ns: trace.rows.map((span) => (span.start - trace.start).toString()),
    duration_ns: trace.rows.map((span) => (span.end - span.start).toString()),
    service: services.indices,
    name: names.indices,
    kind: trace.rows.map((span) => span.kind),
    status: trace.rows.map((span) => span.status),
    flags: trace.flags,
    event_count: trace.rows.map((span) => span.events.length),
    link_count: trace.rows.map((span) => span.links.length),
  };
  return { head, columns };
}

/** One span with all that it carries. */
export function spanAnswer(span: FileSpan, row: number) {
  return {
    row,
    span_id: span.spanId,
    parent_span_id: span.parentId,
    trace_state: '',
    flags: 1,
    name: span.name,
    kind: KINDS[span.kind] ?? String(span.kind),
    start_time_unix_nano: span.start.toString(),
    end_time_unix_nano: span.end.toString(),
    duration_ns: (span.end - span.start).toString(),
    status: { code: STATUSES[span.status] ?? String(span.status), message: span.message },
    service_name: span.service,
    attributes: span.attributes,
    dropped_attributes_count: 0,
    events: span.events.map((event) => ({
      time_unix_nano: event.time.toString(),
      name: event.name,
      attributes: event.attributes,
      dropped_attributes_count: 0,
    })),
    dropped_events_count: 0,
    links: span.links.map((link) => ({
      trace_id: link.traceId,
      span_id: link.spanId,
      trace_state: '',
      attributes: link.attributes,
      flags: 0,
    })),
    dropped_links_count: 0,
    resource: { attributes: span.resource, schema_url: '', dropped_attributes_count: 0 },
    scope: { name: '', version: '', ...span.scope, attributes: [], schema_url: '' },
    sample_weight: 1,
    ingested_at_unix_nano: (span.end + 1_000_000n).toString(),
  };
}

/** One trace in a search result. */
export function summaryOf(trace: FileTrace, matched: number) {
  const services = new Map<string, { name: string; span_count: number; error_count: number }>();
  for (const span of trace.rows) {
    const entry = services.get(span.service) ?? {
      name: span.service,
      span_count: 0,
      error_count: 0,
    };
    entry.span_count++;
    if (span.status === 2) entry.error_count++;
    services.set(span.service, entry);
  }
  return {
    trace_id: trace.traceId,
    root_service_name: trace.root.service,
    root_name: trace.root.name,
    start_time_unix_nano: trace.start.toString(),
    duration_ns: trace.duration.toString(),
    span_count: trace.rows.length,
    error_count: trace.rows.filter((span) => span.status === 2).length,
    orphan_count: trace.orphans,
    matched_count: matched,
    services: [...services.values()],
    complete: trace.orphans === 0,
  };
}
