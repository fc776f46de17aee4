import { describe, expect, test } from 'vitest';

import { countersOf, doorsOf, fatesOf, outcomesOf } from '../src/status/ingest';
import { labelValues, parseMetrics, sumOf } from '../src/status/metrics';
import {
  type Reading,
  rateBetween,
  ratesOf,
  READINGS_MAX,
  recentRate,
  withReading,
} from '../src/status/rates';

const TEXT = `# HELP clew_ingest_spans_stored_total Spans stored
# TYPE clew_ingest_spans_stored_total counter
clew_ingest_spans_stored_total{protocol="otlp_grpc"} 90
clew_ingest_spans_stored_total{protocol="zipkin_v2_json"} 10 1700000000000
clew_ingest_spans_received_total{protocol="otlp_grpc"} 100
clew_ingest_spans_rejected_total{protocol="otlp_grpc"} 7
clew_ingest_requests_received_total{protocol="otlp_grpc"} 5
clew_ingest_requests_finished_total{protocol="otlp_grpc",outcome="accepted"} 3
clew_ingest_requests_finished_total{protocol="otlp_http_json",outcome="accepted"} 1
clew_ingest_requests_finished_total{protocol="otlp_grpc",outcome="invalid"} 9
odd{say="a \\"b\\", c\\\\d\\ne=\\"f"} +Inf
not a metric at all
histogram_bucket{le="+Inf"} 4
`;

describe('metrics', () => {
  const metrics = parseMetrics(TEXT);

  test('samples are summed over the labels that were not asked for', () => {
    expect(sumOf(metrics, 'clew_ingest_spans_stored_total')).toBe(100);
    expect(sumOf(metrics, 'clew_ingest_spans_stored_total', { protocol: 'otlp_grpc' })).toBe(90);
    expect(sumOf(metrics, 'clew_ingest_spans_stored_total', { protocol: 'none' })).toBeUndefined();
    expect(sumOf(metrics, 'nothing')).toBeUndefined();
  });

  test('values of labels are unescaped, numbers may be infinite', () => {
    expect(metrics.get('odd')).toEqual([{ labels: { say: 'a "b", c\\d\ne="f' }, value: Infinity }]);
    expect(labelValues(metrics, ['histogram_bucket'], 'le')).toEqual(['+Inf']);
    expect([...metrics.keys()]).not.toContain('not');
  });

  test('doors, fates and outcomes', () => {
    const doors = doorsOf(metrics);
    expect(doors.map(({ name, requests, spans }) => [name, requests, spans.stored])).toEqual([
      ['OTLP over gRPC', 5, 90],
      ['Zipkin v2, JSON', 0, 10],
    ]);
    expect(fatesOf(metrics)).toEqual({
      received: 100,
      stored: 100,
      rejected: 7,
      sampled_out: 0,
      refused: 0,
    });
    expect(outcomesOf(metrics)).toEqual([
      { outcome: 'invalid', requests: 9 },
      { outcome: 'accepted', requests: 4 },
    ]);
    expect(countersOf(metrics)).toMatchObject({ stored: 100, 'door otlp_grpc': 90, bytes: 0 });
  });
});

describe('rates', () => {
  const reading = (at: number, stored: number): Reading => ({ at, counters: { stored } });

  test('are what was added a second, and a counter that fell was started anew', () => {
    expect(rateBetween(reading(0, 10), reading(2000, 30), 'stored')).toBe(10);
    expect(rateBetween(reading(0, 1000), reading(2000, 30), 'stored')).toBe(15);
    expect(rateBetween(reading(0, 1), reading(1000, 1), 'other')).toBe(0);
  });

  test('of the last seconds', () => {
    expect(recentRate([], 'stored')).toBeUndefined();
    expect(recentRate([reading(0, 5)], 'stored')).toBeUndefined();
    const readings = [
      reading(0, 0),
      reading(5000, 5000),
      reading(9000, 5000),
      reading(15_000, 5600),
    ];
    // From 5 s to 15 s: 600.
    expect(recentRate(readings, 'stored')).toBe(60);
    expect(ratesOf(readings, 'stored')).toEqual([
      { x: 5000, y: 1000 },
      { x: 9000, y: 0 },
      { x: 15_000, y: 100 },
    ]);
  });

  test('so many readings are kept, in the order of time', () => {
    let readings: Reading[] = [reading(0, 0)];
    for (let at = 1; at < READINGS_MAX; at++) readings = withReading(readings, reading(at, at));
    expect(readings).toHaveLength(READINGS_MAX);
    readings = withReading(readings, reading(READINGS_MAX, 0));
    expect([readings.length, readings[0]?.at]).toEqual([READINGS_MAX, 1]);
    expect(withReading(readings, reading(5, 0))).toHaveLength(READINGS_MAX);
  });
});
