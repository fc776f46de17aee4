// Statements to start from.

/** See the module. */
export const EXAMPLES: readonly { title: string; text: string }[] = [
  {
    title: 'Slowest spans',
    text: `SELECT trace_id, service_name, name, start_time, duration_ns
FROM spans
ORDER BY duration_ns DESC
LIMIT 100`,
  },
  {
    title: 'Errors by service and span',
    text: `SELECT service_name, name, count(*) AS errors
FROM spans
WHERE status_code = 'error'
GROUP BY service_name, name
ORDER BY errors DESC
LIMIT 100`,
  },
  {
    title: 'Requests and p95 by minute',
    text: `SELECT date_bin(INTERVAL '1 minute', start_time) AS minute,
       sum(sample_weight) AS requests,
       approx_percentile_cont(duration_ns, 0.95) AS p95_ns
FROM spans
WHERE kind IN ('server', 'consumer')
GROUP BY minute
ORDER BY minute`,
  },
  {
    title: 'Values of an attribute',
    text: `SELECT attributes['http.route'] AS route, count(*) AS spans
FROM spans
WHERE attributes['http.route'] IS NOT NULL
GROUP BY route
ORDER BY spans DESC
LIMIT 50`,
  },
  {
    title: 'Largest traces',
    text: `SELECT trace_id, root_service_name, root_name, start_time, duration_ns, span_count, error_count
FROM traces
ORDER BY span_count DESC
LIMIT 100`,
  },
];
