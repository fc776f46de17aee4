// What came in, from the server's counters: by door for spans, by outcome for requests.

import { labelValues, sumOf, type Metrics } from './metrics';

/** Fates of the spans of decoded payloads: received is the sum of the others. */
export const FATES = ['received', 'stored', 'rejected', 'sampled_out', 'refused'] as const;
export type Fate = (typeof FATES)[number];

/** Words for the protocols. */
const WORDS: Readonly<Record<string, string>> = {
  otlp_grpc: 'OTLP over gRPC',
  otlp_http_protobuf: 'OTLP over HTTP, protobuf',
  otlp_http_json: 'OTLP over HTTP, JSON',
  otlp_http_other: 'OTLP over HTTP, another type',
  zipkin_v1_json: 'Zipkin v1, JSON',
  zipkin_v1_thrift: 'Zipkin v1, Thrift',
  zipkin_v2_json: 'Zipkin v2, JSON',
  zipkin_v2_protobuf: 'Zipkin v2, protobuf',
  zipkin_other: 'Zipkin, another type',
};

const spansName = (fate: Fate): string => `clew_ingest_spans_${fate}_total`;
const FINISHED = 'clew_ingest_requests_finished_total';

/** Spans that came by one door. */
export interface Door {
  protocol: string;
  name: string;
  spans: Record<Fate, number>;
  requests: number;
}

/** Every door that something came by. */
export function doorsOf(metrics: Metrics): Door[] {
  const names = [...FATES.map(spansName), 'clew_ingest_requests_received_total'];
  return labelValues(metrics, names, 'protocol').map((protocol) => ({
    protocol,
    name: WORDS[protocol] ?? protocol,
    spans: fatesOf(metrics, { protocol }),
    requests: sumOf(metrics, 'clew_ingest_requests_received_total', { protocol }) ?? 0,
  }));
}

/** Spans by fate, over all doors or one. */
export function fatesOf(metrics: Metrics, labels: Record<string, string> = {}) {
  return Object.fromEntries(
    FATES.map((fate) => [fate, sumOf(metrics, spansName(fate), labels) ?? 0]),
  ) as Record<Fate, number>;
}

/** Requests by outcome, the most frequent first. */
export function outcomesOf(metrics: Metrics): { outcome: string; requests: number }[] {
  return labelValues(metrics, [FINISHED], 'outcome')
    .map((outcome) => ({ outcome, requests: sumOf(metrics, FINISHED, { outcome }) ?? 0 }))
    .filter(({ requests }) => requests > 0)
    .sort((a, b) => b.requests - a.requests);
}

/** The counters whose rates the page shows. */
export function countersOf(metrics: Metrics): Record<string, number> {
  const counters: Record<string, number> = { ...fatesOf(metrics) };
  for (const { protocol, spans } of doorsOf(metrics)) counters[`door ${protocol}`] = spans.stored;
  counters['bytes'] = sumOf(metrics, 'clew_ingest_body_bytes_total') ?? 0;
  return counters;
}
