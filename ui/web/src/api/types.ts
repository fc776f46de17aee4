// Answers of `/api/clew/v1`. Checked against the recorded answers in `testdata/api`.

import {
  decimal,
  flag,
  list,
  nullable,
  number,
  oneOf,
  optional,
  record,
  rowNumbers,
  text,
  type Of,
} from './shape';

/** What an answer covers. */
export const coverage = record({
  complete: flag,
  segments_total: number,
  segments_read: number,
  reasons: list(text),
  elapsed_ms: number,
});
export type Coverage = Of<typeof coverage>;

/** A count, and whether it is the whole one. */
const total = record({ value: number, exact: flag });
export type Total = Of<typeof total>;

/** One trace in a search result. */
export const traceSummary = record({
  trace_id: text,
  root_service_name: text,
  root_name: text,
  start_time_unix_nano: decimal,
  duration_ns: decimal,
  span_count: number,
  error_count: number,
  orphan_count: number,
  matched_count: number,
  services: list(record({ name: text, span_count: number, error_count: number })),
  complete: flag,
});
export type TraceSummary = Of<typeof traceSummary>;

/** `GET /search`. */
export const searchAnswer = record({
  traces: list(traceSummary),
  total,
  next_cursor: nullable(text),
  coverage,
});
export type SearchAnswer = Of<typeof searchAnswer>;

/** `GET /heatmap`. */
export const heatmapAnswer = record({
  start_time_unix_nano: decimal,
  column_ns: decimal,
  column_count: number,
  row_edges_ns: list(decimal),
  cells: record({
    column: list(number),
    row: list(number),
    count: list(number),
    error_count: list(number),
    trace_id: list(text),
  }),
  timeline: record({ count: list(number), error_count: list(number) }),
  untimed_count: number,
  total,
  trace_total: total,
  error_count: number,
  duration_quantiles: nullable(record({ p50_ns: decimal, p95_ns: decimal, p99_ns: decimal })),
  coverage,
});
export type HeatmapAnswer = Of<typeof heatmapAnswer>;

/** `GET /facets`. */
export const facetsAnswer = record({
  facets: list(
    record({
      key: text,
      is_attribute: flag,
      span_count: number,
      missing_count: number,
      value_count: total,
      values: list(record({ value: text, span_count: number })),
      other_count: number,
      without_own: flag,
      sampled: flag,
    }),
  ),
  span_total: total,
  sample_weight: number,
  coverage,
});
export type FacetsAnswer = Of<typeof facetsAnswer>;
export type Facet = FacetsAnswer['facets'][number];

const nearest = nullable(record({ trace_id: text, start_time_unix_nano: decimal }));

/** `GET /explain`. */
export const explainAnswer = record({
  clauses: list(record({ clause: text, total_without: total })),
  total_at_any_time: nullable(total),
  nearest_before: nearest,
  nearest_after: nearest,
  coverage,
});
export type ExplainAnswer = Of<typeof explainAnswer>;

const attributeType = oneOf('string', 'bool', 'int', 'double', 'bytes', 'array', 'map', 'empty');

/** `GET /keys`. */
export const keysAnswer = record({
  keys: list(
    record({
      key: text,
      level: oneOf('span', 'resource', 'scope', 'event', 'link'),
      type: attributeType,
      span_count: number,
      value_count: total,
    }),
  ),
  coverage,
});
export type KeysAnswer = Of<typeof keysAnswer>;

/** `GET /values`. */
export const valuesAnswer = record({
  values: list(record({ value: text, count: number })),
  more: flag,
  truncated: flag,
  coverage,
});
export type ValuesAnswer = Of<typeof valuesAnswer>;

/** `GET /services`. */
export const servicesAnswer = record({ services: list(record({ name: text })), coverage });
export type ServicesAnswer = Of<typeof servicesAnswer>;

/** `GET /operations`. */
export const operationsAnswer = record({
  operations: list(record({ name: text, kind: text })),
  coverage,
});
export type OperationsAnswer = Of<typeof operationsAnswer>;

/** What the skeleton of a trace says about the whole of it. */
export const traceHead = record({
  trace_id: text,
  start_time_unix_nano: decimal,
  duration_ns: decimal,
  span_count: number,
  error_count: number,
  orphan_count: number,
  depth: number,
  root_service_name: text,
  root_name: text,
  services: list(text),
  names: list(text),
  truncated_span_count: number,
  duplicates_collapsed: optional(nullable(number), null),
  coverage,
});
export type TraceHead = Of<typeof traceHead>;

/** One attribute; the value is the canonical text of its type. */
export const attribute = record({
  key: text,
  type: attributeType,
  value: text,
});
export type Attribute = Of<typeof attribute>;

const spanEvent = record({
  time_unix_nano: decimal,
  name: text,
  attributes: list(attribute),
  dropped_attributes_count: number,
});
export type SpanEvent = Of<typeof spanEvent>;

const spanLink = record({
  trace_id: text,
  span_id: text,
  trace_state: text,
  attributes: list(attribute),
  flags: number,
});
export type SpanLink = Of<typeof spanLink>;

/** `GET /traces/{id}/spans/{row}`: one span with all that it carries. */
export const spanDetail = record({
  row: number,
  span_id: text,
  parent_span_id: nullable(text),
  trace_state: text,
  flags: number,
  name: text,
  kind: text,
  start_time_unix_nano: decimal,
  end_time_unix_nano: decimal,
  duration_ns: decimal,
  status: record({ code: text, message: text }),
  service_name: text,
  attributes: list(attribute),
  dropped_attributes_count: number,
  events: list(spanEvent),
  dropped_events_count: number,
  links: list(spanLink),
  dropped_links_count: number,
  resource: record({
    attributes: list(attribute),
    schema_url: text,
    dropped_attributes_count: number,
  }),
  scope: record({ name: text, version: text, attributes: list(attribute), schema_url: text }),
  sample_weight: number,
  ingested_at_unix_nano: decimal,
});
export type SpanDetail = Of<typeof spanDetail>;

/** `GET /traces/{id}/find`: the rows that meet a query, or carry words. */
export const findAnswer = record({
  read_as: oneOf('query', 'text'),
  /** Why the text is no query. */
  syntax: nullable(record({ message: text, position: nullable(number) })),
  /** Ascending. */
  rows: rowNumbers,
  coverage,
});
export type FindAnswer = Of<typeof findAnswer>;

/** `GET /status`. What a server without its own settings (one directory, read by a command) leaves out is absent. */
export const status = record({
  version: optional(text, ''),
  uptime_s: optional(number, 0),
  manifest_version: optional(number, 0),
  segments: optional(number, 0),
  stored_spans: number,
  stored_bytes: optional(number, 0),
  hot_spans: number,
  hot_bytes: optional(number, 0),
  wal_bytes: optional(number, 0),
  unavailable: optional(nullable(text), null),
  flush_error: optional(nullable(text), null),
  retention: optional(
    record({ max_age_s: nullable(number), interval_s: nullable(number) }),
    undefined,
  ),
  limits: optional(
    record({ hot_window_bytes: number, in_flight_bytes: number, body_bytes: number }),
    undefined,
  ),
  ports: optional(
    record({
      otlp_grpc: nullable(number),
      otlp_http: nullable(number),
      zipkin: nullable(number),
      http: nullable(number),
    }),
    undefined,
  ),
});
export type Status = Of<typeof status>;

/** Body of every error. */
export const errorBody = record({
  error: record({
    code: text,
    message: text,
    hint: optional(nullable(text), null),
    position: optional(nullable(number), null),
  }),
});
