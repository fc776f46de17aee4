// Figures of the stand-in itself, as the server gives them in `/status` and `/metrics`.

/** What came in so far. */
export interface Taken {
  requests: number;
  spans: number;
}

/** `GET /api/clew/v1/status`. */
export function statusAnswer(spans: number, uptimeSeconds: number) {
  return {
    manifest_version: 1,
    segments: 0,
    stored_spans: 0,
    stored_bytes: 0,
    hot_spans: spans,
    hot_bytes: spans * 400,
    wal_bytes: spans * 200,
    durable_seq: 1,
    unavailable: null,
    flush_error: null,
    version: 'mock',
    uptime_s: uptimeSeconds,
    retention: { max_age_s: 14 * 86_400, interval_s: 3600 },
    limits: { hot_window_bytes: 256 << 20, in_flight_bytes: 64 << 20, body_bytes: 64 << 20 },
    ports: { otlp_grpc: 4317, otlp_http: 4318, zipkin: 9411, http: 16686 },
  };
}

/** `GET /metrics`. */
export function metricsText(taken: ReadonlyMap<string, Taken>): string {
  const lines = [...taken].flatMap(([protocol, { requests, spans }]) => [
    `clew_ingest_requests_received_total{protocol="${protocol}"} ${requests}`,
    `clew_ingest_requests_finished_total{protocol="${protocol}",outcome="accepted"} ${requests}`,
    `clew_ingest_spans_received_total{protocol="${protocol}"} ${spans}`,
    `clew_ingest_spans_stored_total{protocol="${protocol}"} ${spans}`,
  ]);
  return ['# TYPE clew_ingest_spans_stored_total counter', ...lines, ''].join('\n');
}
