// Answers of the stand-in, by the contract.

import {
  Field,
  FixedSizeBinary,
  Int32,
  Int64,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  Uint8,
  type Data,
} from 'apache-arrow';

import type { MockSpan, MockTrace } from './model';

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUSES = ['unset', 'ok', 'error'];

/** What every answer covers: all. */
export const COVERAGE = {
  complete: true,
  segments_total: 3,
  segments_read: 3,
  reasons: [] as string[],
  elapsed_ms: 1.7,
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
export function skeletonOf(trace: MockTrace) {
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
    coverage: COVERAGE,
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

/** Rows of one batch of the Arrow stream. */
const BATCH_ROWS = 65_536;

type SkeletonJson = ReturnType<typeof skeletonOf>;

const TYPES = {
  span_id: new FixedSizeBinary(8),
  parent_row: new Int32(),
  depth: new Int32(),
  subtree_size: new Int32(),
  start_offset_ns: new Int64(),
  duration_ns: new Int64(),
  service: new Int32(),
  name: new Int32(),
  kind: new Uint8(),
  status: new Uint8(),
  flags: new Uint8(),
  event_count: new Int32(),
  link_count: new Int32(),
};

function columnData(name: keyof typeof TYPES, values: readonly (string | number)[]): Data {
  const type = TYPES[name];
  const length = values.length;
  if (type instanceof FixedSizeBinary)
    return makeData({ type, length, data: Buffer.from(values.join(''), 'hex') });
  if (type instanceof Int64)
    return makeData({ type, length, data: BigInt64Array.from(values as string[], BigInt) });
  if (type instanceof Int32)
    return makeData({ type, length, data: Int32Array.from(values as number[]) });
  return makeData({ type, length, data: Uint8Array.from(values as number[]) });
}

/** The skeleton as an Arrow IPC stream. */
export async function skeletonArrow(
  { head, columns }: SkeletonJson,
  batchRows = BATCH_ROWS,
): Promise<Uint8Array> {
  const names = Object.keys(TYPES) as (keyof typeof TYPES)[];
  const fields = names.map((name) => new Field(name, TYPES[name], false));
  const schema = new Schema(fields, new Map([['clew', JSON.stringify(head)]]));
  const batches: RecordBatch[] = [];
  for (let from = 0; from < head.span_count; from += batchRows) {
    const children = names.map((name) =>
      columnData(name, columns[name].slice(from, from + batchRows)),
    );
    const length = children[0]?.length ?? 0;
    batches.push(new RecordBatch(schema, makeData({ type: new Struct(fields), length, children })));
  }
  const writer = new RecordBatchStreamWriter();
  writer.reset(undefined, schema);
  for (const batch of batches) writer.write(batch);
  writer.finish();
  return writer.toUint8Array();
}

/** One span with all that it carries. */
export function spanAnswer(span: MockSpan, row: number) {
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
    scope: { name: 'mock', version: '1', attributes: [], schema_url: '' },
    sample_weight: 1,
    ingested_at_unix_nano: (span.end + 1_000_000n).toString(),
  };
}

/** One trace in a search result. */
export function summaryOf(trace: MockTrace, matched: number) {
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
