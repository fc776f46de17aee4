-- setup
CREATE VIEW tree AS
WITH RECURSIVE
walk AS (
  SELECT s.*, 0 AS depth FROM spans s
  WHERE NOT EXISTS (SELECT 1 FROM spans p WHERE p.trace_id = s.trace_id AND p.span_id = s.parent_span_id)
  UNION ALL
  SELECT c.*, w.depth + 1 FROM spans c JOIN walk w ON c.trace_id = w.trace_id AND c.parent_span_id = w.span_id
),
clipped AS (
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
roots AS (
  SELECT trace_id, first(service_name ORDER BY parent_span_id IS NOT NULL, start_ns) AS root_service_name,
         first(name ORDER BY parent_span_id IS NOT NULL, start_ns) AS root_name
  FROM spans GROUP BY trace_id
)
SELECT w.*, greatest(w.duration_ns, 0) - coalesce(c.covered, 0) AS self_time_ns, root_service_name, root_name,
       p.service_name AS parent_service_name, p.name AS parent_name, p.kind AS parent_kind, p.start_ns AS parent_start_ns,
       w.parent_span_id IS NOT NULL AND p.span_id IS NULL AS is_orphan
FROM walk w JOIN roots USING (trace_id)
LEFT JOIN covered c ON c.trace_id = w.trace_id AND c.span_id = w.span_id
LEFT JOIN spans p ON p.trace_id = w.trace_id AND p.span_id = w.parent_span_id;
CREATE MACRO minute(ns) AS ns // 60000000000 * 60000000000;
CREATE VIEW weighted AS
SELECT *, sum(sample_weight) OVER (PARTITION BY service_name, resource_attributes['service.version'] ORDER BY duration_ns, span_id) AS upto,
          sum(sample_weight) OVER (PARTITION BY service_name, resource_attributes['service.version']) AS total
FROM spans WHERE kind = 'server';
CREATE VIEW calls AS
SELECT *, CASE WHEN kind = 'consumer' OR parent_kind = 'producer' THEN 'messaging' ELSE 'rpc' END AS edge,
  sum(sample_weight) OVER (PARTITION BY parent_service_name, service_name, kind = 'consumer' OR parent_kind = 'producer' ORDER BY duration_ns, span_id) AS upto,
  sum(sample_weight) OVER (PARTITION BY parent_service_name, service_name, kind = 'consumer' OR parent_kind = 'producer') AS total
FROM tree WHERE parent_service_name <> service_name
-- 1
SELECT minute(start_ns), service_name, sum(sample_weight) FROM spans WHERE kind IN ('server', 'consumer') GROUP BY ALL ORDER BY 1, 2
-- 2
SELECT minute(start_ns), service_name, quantile_cont(duration_ns, 0.5), quantile_cont(duration_ns, 0.95), quantile_cont(duration_ns, 0.99)
FROM spans WHERE kind = 'server' GROUP BY ALL ORDER BY 1, 2
-- 3
SELECT minute(start_ns), service_name, name, sum(sample_weight),
       100 * sum(CASE WHEN status_code = 'error' THEN sample_weight ELSE 0 END) / sum(sample_weight)
FROM spans WHERE kind = 'server' GROUP BY ALL ORDER BY 1, 2, 3
-- 4
SELECT service_name, name, sum(sample_weight), quantile_cont(duration_ns, 0.99) AS p99
FROM spans WHERE kind = 'server' GROUP BY ALL ORDER BY p99 DESC LIMIT 20
-- 5
SELECT trace_id, any_value(root_service_name), any_value(root_name), max(start_ns + duration_ns) - min(start_ns) AS took, count(*),
       count(*) FILTER (WHERE status_code = 'error')
FROM tree GROUP BY trace_id ORDER BY took DESC LIMIT 10
-- 6
SELECT depth, service_name, name, kind, start_ns, duration_ns, self_time_ns FROM tree WHERE trace_id = '183142dc9ff70766bbd1fbd70b763303' ORDER BY start_ns, depth
-- 7
SELECT start_ns, service_name, name, trace_id, span_id FROM spans WHERE attributes['user.id'] = 'user-3258' ORDER BY start_ns DESC LIMIT 50
-- 8
SELECT service_name, try_cast(attributes['http.status_code'] AS BIGINT) AS code, count(*), min(duration_ns), max(duration_ns)
FROM spans WHERE code >= 400 GROUP BY ALL ORDER BY 1, 2
-- 9
WITH e AS (SELECT trace_id, unnest(events) AS e FROM spans)
SELECT e.e['attributes']['exception.type'] AS type, count(DISTINCT s.attributes['user.id']) AS users, count(DISTINCT e.trace_id)
FROM e JOIN spans s USING (trace_id) WHERE e.e['name'] = 'exception' AND s.attributes['user.id'] IS NOT NULL GROUP BY ALL ORDER BY users DESC, type
-- 10
WITH e AS (SELECT service_name, unnest(events) AS e FROM spans)
SELECT service_name, e['attributes']['exception.type'] AS type, regexp_replace(e['attributes']['exception.message'], '[0-9]+', '#', 'g') AS message,
       count(*) AS n, epoch_ns(min(e['time'])), epoch_ns(max(e['time']))
FROM e WHERE e['name'] = 'exception' GROUP BY ALL ORDER BY n DESC, 1, 2, 3 LIMIT 20
-- 11
WITH pairs AS (SELECT status_code = 'error' AS failed, unnest(map_entries(attributes)) AS pair FROM spans WHERE kind = 'server'),
requests AS (SELECT count(*) AS every, count(*) FILTER (WHERE status_code = 'error') AS failing FROM spans WHERE kind = 'server')
SELECT pair['key'] AS key, pair['value'] AS value, count(*) FILTER (WHERE failed) AS failing, count(*) AS every,
       (count(*) FILTER (WHERE failed)::DOUBLE / (SELECT failing FROM requests)) / (count(*)::DOUBLE / (SELECT every FROM requests)) AS lift
FROM pairs GROUP BY 1, 2 HAVING count(*) FILTER (WHERE failed) >= 10 ORDER BY lift DESC, 3 DESC, 1, 2 LIMIT 20
-- 12
SELECT service_name, resource_attributes['service.version'] AS version, sum(sample_weight), min(duration_ns) FILTER (WHERE upto >= 0.95 * total)
FROM weighted GROUP BY ALL ORDER BY 1, 2
-- 13
SELECT parent_service_name, service_name, edge, sum(sample_weight), coalesce(sum(sample_weight) FILTER (WHERE status_code = 'error'), 0),
       min(duration_ns) FILTER (WHERE upto >= 0.95 * total)
FROM calls GROUP BY ALL ORDER BY 1, 2, 3
-- 14
SELECT trace_id, parent_name, service_name, name, count(*) AS times FROM tree WHERE parent_name IS NOT NULL
GROUP BY trace_id, parent_span_id, parent_name, service_name, name HAVING count(*) >= 8 ORDER BY times DESC, trace_id, name LIMIT 20
-- 15
SELECT root_name, service_name, kind, sum(self_time_ns * sample_weight) / 1e6, sum(duration_ns * sample_weight) FILTER (WHERE kind = 'client') / 1e6
FROM tree GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
-- 16
SELECT trace_id, min(start_ns) FILTER (WHERE name = 'place order') AS ordered FROM spans GROUP BY trace_id
HAVING bool_or(name = 'place order') AND NOT bool_or(name = 'enqueue shipment') ORDER BY ordered, trace_id LIMIT 20
-- 17
SELECT trace_id, max(start_ns + duration_ns) - min(start_ns) AS took,
       sum(CASE WHEN service_name = 'payment' THEN self_time_ns ELSE 0 END)::DOUBLE / sum(self_time_ns)
FROM tree GROUP BY trace_id HAVING bool_or(service_name = 'payment') AND bool_or(service_name = 'shipping') AND took > 200000000
ORDER BY took DESC LIMIT 20
-- 18
SELECT service_name, count(*), count(*) FILTER (WHERE is_orphan), count(*) FILTER (WHERE start_ns < parent_start_ns), count(*) FILTER (WHERE duration_ns < 0)
FROM tree GROUP BY 1 ORDER BY 1
-- 18b
SELECT service_name, quantile_cont(ingested_ns - start_ns - duration_ns, 0.5) / 1e9, max(ingested_ns - start_ns - duration_ns) / 1e9
FROM spans GROUP BY 1 ORDER BY 1
-- 19
SELECT service_name, pair['key'] AS key, count(*), count(DISTINCT pair['value']), sum(strlen(pair['value'])) AS bytes
FROM (SELECT service_name, unnest(map_entries(attributes)) AS pair FROM spans) GROUP BY 1, 2 ORDER BY bytes DESC, 1, 2 LIMIT 20
-- 20
SELECT start_ns // 10000000000 * 10000000000, floor(log2(duration_ns))::BIGINT, sum(sample_weight), first(trace_id ORDER BY duration_ns DESC, trace_id)
FROM spans WHERE kind = 'server' AND duration_ns > 0 GROUP BY 1, 2 ORDER BY 1, 2
-- 21
SELECT service_name, name,
       (sum(CASE WHEN status_code = 'error' THEN 0 WHEN duration_ns <= 20000000 THEN sample_weight WHEN duration_ns <= 80000000 THEN sample_weight / 2 ELSE 0 END)) / sum(sample_weight),
       coalesce(sum(sample_weight) FILTER (WHERE status_code <> 'error' AND duration_ns <= 20000000), 0) / sum(sample_weight)
FROM spans WHERE kind = 'server' GROUP BY 1, 2 ORDER BY 1, 2
-- 22
SELECT service_name, resource_attributes['service.instance.id'] AS instance, count(*), quantile_cont(duration_ns, 0.99), avg(duration_ns)
FROM spans WHERE kind = 'server' GROUP BY ALL ORDER BY 1, 2
