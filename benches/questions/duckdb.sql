-- 1
SELECT start_ns // 60000000000 * 60000000000 AS minute, service_name, sum(sample_weight)
FROM spans WHERE kind IN ('server', 'consumer') GROUP BY ALL ORDER BY 1, 2
-- 2
SELECT start_ns // 60000000000 * 60000000000 AS minute, service_name, quantile_cont(duration_ns, 0.5), quantile_cont(duration_ns, 0.95), quantile_cont(duration_ns, 0.99)
FROM spans WHERE kind = 'server' GROUP BY ALL ORDER BY 1, 2
-- 3
SELECT start_ns // 60000000000 * 60000000000 AS minute, service_name, name, sum(sample_weight),
       100 * coalesce(sum(sample_weight) FILTER (WHERE status_code = 'error'), 0) / sum(sample_weight)
FROM spans WHERE kind = 'server' GROUP BY ALL ORDER BY 1, 2, 3
-- 4
SELECT service_name, name, sum(sample_weight), quantile_cont(duration_ns, 0.99) AS p99
FROM spans WHERE kind = 'server' GROUP BY ALL ORDER BY p99 DESC LIMIT 20
-- 5
WITH slowest AS (
  SELECT trace_id, max(start_ns + duration_ns) - min(start_ns) AS took, sum(span_count) AS spans, sum(error_count) AS errors
  FROM traces GROUP BY trace_id ORDER BY took DESC, trace_id LIMIT 10)
SELECT {hex:trace_id}, arg_min(root_service_name, start_ns), arg_min(root_name, start_ns), took, spans, errors
FROM slowest JOIN traces USING (trace_id) GROUP BY trace_id, took, spans, errors ORDER BY took DESC, 1
-- 6
WITH one AS MATERIALIZED (SELECT * FROM spans WHERE trace_id = {id:TRACE}),
clipped AS (
  SELECT p.span_id, greatest(c.start_ns, p.start_ns) AS s, least(c.start_ns + greatest(c.duration_ns, 0), p.start_ns + greatest(p.duration_ns, 0)) AS e
  FROM one c JOIN one p ON c.parent_span_id = p.span_id
),
ordered AS (
  SELECT *, max(e) OVER (PARTITION BY span_id ORDER BY s, e ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM clipped WHERE e > s
),
covered AS (SELECT span_id, sum(greatest(0, e - greatest(s, coalesce(before, s)))) AS covered FROM ordered GROUP BY ALL)
SELECT depth, service_name, name, kind, start_ns, duration_ns, greatest(duration_ns, 0) - coalesce(covered, 0)
FROM one LEFT JOIN covered USING (span_id) ORDER BY start_ns, depth
-- 7
SELECT start_ns, service_name, name, {hex:trace_id}, {hex:span_id} FROM spans
WHERE {attribute:attribute.7} = 'value-325' ORDER BY start_ns DESC LIMIT 50
-- 8
SELECT service_name, try_cast(substr({attribute:attribute.8}, 7) AS BIGINT) AS code, count(*), min(duration_ns), max(duration_ns)
FROM spans WHERE code >= 900 GROUP BY ALL ORDER BY 1, 2
-- 9
WITH e AS (SELECT trace_id, unnest(events) AS e FROM spans)
SELECT e.e['attributes']['exception.type'] AS type, count(DISTINCT {attribute:attribute.5}) AS users, count(DISTINCT e.trace_id)
FROM e JOIN spans s USING (trace_id) WHERE e.e['name'] = 'exception' AND {has:attribute.5} GROUP BY ALL ORDER BY users DESC, type
-- 10
WITH e AS (SELECT service_name, unnest(events) AS e FROM spans)
SELECT service_name, e['attributes']['exception.type'] AS type, regexp_replace(e['attributes']['exception.message'], '[0-9]+', '#', 'g') AS message,
       count(*) AS n, epoch_ns(min(e['time'])), epoch_ns(max(e['time']))
FROM e WHERE e['name'] = 'exception' GROUP BY ALL ORDER BY n DESC, 1, 2, 3 LIMIT 20
-- 11
WITH pairs AS (SELECT status_code = 'error' AS failed, key, value FROM ({entries:status_code WHERE kind = 'server'})),
requests AS (SELECT count(*) AS every, count(*) FILTER (WHERE status_code = 'error') AS failing FROM spans WHERE kind = 'server')
SELECT key, value, count(*) FILTER (WHERE failed) AS failing, count(*) AS every,
       (count(*) FILTER (WHERE failed)::DOUBLE / (SELECT failing FROM requests)) / (count(*)::DOUBLE / (SELECT every FROM requests)) AS lift
FROM pairs GROUP BY 1, 2 HAVING count(*) FILTER (WHERE failed) >= 3 ORDER BY lift DESC, 3 DESC, 1, 2 LIMIT 20
-- 12
SELECT service_name, {resource:service.version} AS version, sum(sample_weight), approx_quantile(duration_ns, 0.95)
FROM spans WHERE kind = 'server' GROUP BY ALL ORDER BY 1, 2
-- 13
SELECT p.service_name, c.service_name, CASE WHEN c.kind = 'consumer' OR p.kind = 'producer' THEN 'messaging' ELSE 'rpc' END,
       sum(c.sample_weight), coalesce(sum(c.sample_weight) FILTER (WHERE c.status_code = 'error'), 0), approx_quantile(c.duration_ns, 0.95)
FROM spans c JOIN spans p ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id
WHERE p.service_name <> c.service_name GROUP BY ALL ORDER BY 1, 2, 3
-- 14
SELECT {hex:trace_id}, parent_name, service_name, name, times FROM (
  SELECT c.trace_id, p.name AS parent_name, c.service_name, c.name, count(*) AS times
  FROM spans c JOIN spans p ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id
  GROUP BY c.trace_id, c.parent_span_id, p.name, c.service_name, c.name HAVING count(*) >= 8
  ORDER BY times DESC, c.trace_id, c.name LIMIT 20) ORDER BY times DESC, 1, name
-- 15
WITH clipped AS (
  SELECT c.trace_id, c.parent_span_id AS span_id, greatest(c.start_ns, p.start_ns) AS s,
         least(c.start_ns + greatest(c.duration_ns, 0), p.start_ns + greatest(p.duration_ns, 0)) AS e
  FROM spans c JOIN spans p ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id
),
ordered AS (
  SELECT *, max(e) OVER (PARTITION BY trace_id, span_id ORDER BY s, e ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
  FROM clipped WHERE e > s
),
covered AS (
  SELECT trace_id, span_id, sum(greatest(0, e - greatest(s, coalesce(before, s)))) AS covered FROM ordered GROUP BY ALL
),
roots AS (SELECT trace_id, name AS root_name FROM spans WHERE NOT has_parent)
SELECT root_name, service_name, kind, sum((greatest(duration_ns, 0) - coalesce(covered, 0)) * sample_weight) / 1e6,
       sum(duration_ns * sample_weight) FILTER (WHERE kind = 'client') / 1e6
FROM spans JOIN roots USING (trace_id) LEFT JOIN covered USING (trace_id, span_id) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
-- 16
SELECT {hex:trace_id}, ordered FROM (
  SELECT trace_id, min(start_ns) FILTER (WHERE name = 'operation-1') AS ordered FROM spans GROUP BY trace_id
  HAVING bool_or(name = 'operation-1') AND NOT bool_or(name = 'operation-2') ORDER BY ordered, trace_id LIMIT 20) ORDER BY ordered, 1
-- 17
WITH slow AS MATERIALIZED (
  SELECT trace_id, max(start_ns + duration_ns) - min(start_ns) AS took FROM spans GROUP BY trace_id
  HAVING bool_or(service_name = 'service-3') AND bool_or(service_name = 'service-7') AND took > 990000000
  ORDER BY took DESC, trace_id LIMIT 20
),
chosen AS MATERIALIZED (SELECT * FROM spans WHERE trace_id IN (SELECT trace_id FROM slow)),
clipped AS (
  SELECT c.trace_id, c.parent_span_id AS span_id, greatest(c.start_ns, p.start_ns) AS s,
         least(c.start_ns + greatest(c.duration_ns, 0), p.start_ns + greatest(p.duration_ns, 0)) AS e
  FROM chosen c JOIN chosen p ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id
),
ordered AS (
  SELECT *, max(e) OVER (PARTITION BY trace_id, span_id ORDER BY s, e ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
  FROM clipped WHERE e > s
),
covered AS (
  SELECT trace_id, span_id, sum(greatest(0, e - greatest(s, coalesce(before, s)))) AS covered FROM ordered GROUP BY ALL
),
own AS (
  SELECT trace_id, service_name, greatest(duration_ns, 0) - coalesce(covered, 0) AS self_time_ns FROM chosen LEFT JOIN covered USING (trace_id, span_id)
)
SELECT {hex:trace_id}, any_value(took) AS took, sum(self_time_ns) FILTER (WHERE service_name = 'service-3')::DOUBLE / sum(self_time_ns)
FROM own JOIN slow USING (trace_id) GROUP BY trace_id ORDER BY took DESC, 1
-- 18
SELECT c.service_name, count(*), count(*) FILTER (WHERE c.has_parent AND p.span_id IS NULL),
       count(*) FILTER (WHERE c.start_ns < p.start_ns), count(*) FILTER (WHERE c.duration_ns < 0)
FROM spans c LEFT JOIN spans p ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id GROUP BY 1 ORDER BY 1
-- 18b
SELECT service_name, quantile_cont(ingested_ns - start_ns - duration_ns, 0.5) / 1e9, max(ingested_ns - start_ns - duration_ns) / 1e9
FROM spans GROUP BY 1 ORDER BY 1
-- 19
SELECT service_name, key, count(*), count(DISTINCT value), sum(strlen(value)) AS bytes
FROM ({entries:service_name}) GROUP BY 1, 2 ORDER BY bytes DESC, 1, 2 LIMIT 20
-- 20
SELECT start_ns // 10000000000 * 10000000000, floor(log2(duration_ns))::BIGINT, sum(sample_weight), {hex:first(trace_id ORDER BY duration_ns DESC, trace_id)}
FROM spans WHERE kind = 'server' AND duration_ns > 0 GROUP BY 1, 2 ORDER BY 1, 2
-- 21
SELECT service_name, name,
       sum(sample_weight * CASE WHEN status_code = 'error' THEN 0.0 WHEN duration_ns <= 20000000 THEN 1.0 WHEN duration_ns <= 80000000 THEN 0.5 ELSE 0.0 END) / sum(sample_weight),
       sum(sample_weight * CASE WHEN status_code <> 'error' AND duration_ns <= 20000000 THEN 1.0 ELSE 0.0 END) / sum(sample_weight)
FROM spans WHERE kind = 'server' GROUP BY 1, 2 ORDER BY 1, 2
-- 22
SELECT service_name, {resource:service.instance.id} AS instance, count(*), quantile_cont(duration_ns, 0.99), avg(duration_ns)
FROM spans WHERE kind = 'server' GROUP BY ALL ORDER BY 1, 2
