-- 1
SELECT intDiv(start_ns, 60000000000) * 60000000000 AS minute, service_name, sum(sample_weight)
FROM spans WHERE kind IN ('server', 'consumer') GROUP BY minute, service_name ORDER BY minute, service_name
-- 2
SELECT minute, service_name, q[1], q[2], q[3] FROM (
  SELECT intDiv(start_ns, 60000000000) * 60000000000 AS minute, service_name, quantilesExactInclusive(0.5, 0.95, 0.99)(duration_ns) AS q
  FROM spans WHERE kind = 'server' GROUP BY minute, service_name) ORDER BY minute, service_name
-- 3
SELECT intDiv(start_ns, 60000000000) * 60000000000 AS minute, service_name, name, sum(sample_weight),
       100 * sumIf(sample_weight, status_code = 'error') / sum(sample_weight)
FROM spans WHERE kind = 'server' GROUP BY minute, service_name, name ORDER BY minute, service_name, name
-- 4
SELECT service_name, name, sum(sample_weight), quantileExactInclusive(0.99)(duration_ns) AS p99
FROM spans WHERE kind = 'server' GROUP BY service_name, name ORDER BY p99 DESC LIMIT 20
-- 5
SELECT trace_id, anyIf(service_name, parent_span_id = ''), anyIf(name, parent_span_id = ''),
       max(start_ns + duration_ns) - min(start_ns) AS took, count(), countIf(status_code = 'error')
FROM spans GROUP BY trace_id ORDER BY took DESC, trace_id LIMIT 10
-- 6
WITH one AS (SELECT * FROM spans WHERE trace_id = {id:TRACE}),
clipped AS (
  SELECT p.span_id AS span_id, greatest(c.start_ns, p.start_ns) AS s, least(c.start_ns + greatest(c.duration_ns, 0), p.start_ns + greatest(p.duration_ns, 0)) AS e
  FROM one c JOIN one p ON c.parent_span_id = p.span_id
),
covered AS (
  SELECT span_id, toInt64(intervalLengthSum(s, e)) AS covered FROM clipped WHERE e > s GROUP BY span_id
)
SELECT depth, service_name, name, kind, start_ns, duration_ns, greatest(duration_ns, 0) - covered.covered
FROM one LEFT JOIN covered ON one.span_id = covered.span_id ORDER BY start_ns, depth
-- 7
SELECT start_ns, service_name, name, trace_id, span_id FROM spans
WHERE {attribute:attribute.7} = 'value-325' ORDER BY start_ns DESC LIMIT 50
-- 8
SELECT service_name, toInt64OrNull(substring({attribute:attribute.8}, 7)) AS code, count(), min(duration_ns), max(duration_ns)
FROM spans WHERE code >= 900 GROUP BY service_name, code ORDER BY service_name, code
-- 9
SELECT e.type, uniqExact({attribute:attribute.5}) AS users, uniqExact(s.trace_id)
FROM spans s JOIN (
  SELECT trace_id, event['exception.type'] AS type FROM spans ARRAY JOIN event_names AS event_name, event_attributes AS event WHERE event_name = 'exception'
) e ON s.trace_id = e.trace_id WHERE {has:attribute.5} GROUP BY e.type ORDER BY users DESC, e.type
-- 10
SELECT service_name, event['exception.type'] AS type, replaceRegexpAll(event['exception.message'], '[0-9]+', '#') AS message,
       count() AS n, min(event_time), max(event_time)
FROM spans ARRAY JOIN event_names AS event_name, event_attributes AS event, event_times AS event_time
WHERE event_name = 'exception' GROUP BY service_name, type, message ORDER BY n DESC, service_name, type, message LIMIT 20
-- 11
WITH (SELECT (count(), countIf(status_code = 'error')) FROM spans WHERE kind = 'server') AS requests
SELECT pair.1 AS key, pair.2 AS value, countIf(failed) AS failing, count() AS every,
       (failing / requests.2) / (every / requests.1) AS lift
FROM (SELECT status_code = 'error' AS failed, arrayJoin({pairs}) AS pair FROM spans WHERE kind = 'server')
GROUP BY key, value HAVING failing >= 3 ORDER BY lift DESC, failing DESC, key, value LIMIT 20
-- 12
SELECT service_name, nullIf({resource:service.version}, '') AS version, sum(sample_weight), quantileTDigest(0.95)(duration_ns)
FROM spans WHERE kind = 'server' GROUP BY service_name, version ORDER BY service_name, version
-- 13
SELECT p.service_name AS caller, c.service_name AS callee, if(c.kind = 'consumer' OR p.kind = 'producer', 'messaging', 'rpc') AS edge,
       sum(c.sample_weight), sumIf(c.sample_weight, c.status_code = 'error'), quantileTDigest(0.95)(c.duration_ns)
FROM spans c JOIN spans p ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id
WHERE p.service_name != c.service_name GROUP BY caller, callee, edge ORDER BY caller, callee, edge
-- 14
SELECT c.trace_id AS trace, p.name AS parent_name, c.service_name AS service, c.name AS name, count() AS times
FROM spans c JOIN spans p ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id
GROUP BY trace, c.parent_span_id, parent_name, service, name HAVING times >= 8 ORDER BY times DESC, trace, name LIMIT 20
-- 15
WITH covered AS (
  SELECT trace_id, span_id, toInt64(intervalLengthSum(s, e)) AS covered FROM (
    SELECT c.trace_id AS trace_id, c.parent_span_id AS span_id, greatest(c.start_ns, p.start_ns) AS s,
           least(c.start_ns + greatest(c.duration_ns, 0), p.start_ns + greatest(p.duration_ns, 0)) AS e
    FROM spans c JOIN spans p ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id) WHERE e > s GROUP BY trace_id, span_id
),
roots AS (SELECT trace_id, name AS root_name FROM spans WHERE parent_span_id = '')
SELECT roots.root_name AS root_name, s.service_name AS service_name, s.kind AS kind,
       sum((greatest(s.duration_ns, 0) - covered.covered) * s.sample_weight) / 1e6,
       if(countIf(kind = 'client') = 0, NULL, sumIf(s.duration_ns * s.sample_weight, kind = 'client') / 1e6)
FROM spans s JOIN roots ON s.trace_id = roots.trace_id LEFT JOIN covered ON s.trace_id = covered.trace_id AND s.span_id = covered.span_id
GROUP BY root_name, service_name, kind ORDER BY root_name, service_name, kind
-- 16
SELECT trace_id, minIf(start_ns, name = 'operation-1') AS ordered FROM spans GROUP BY trace_id
HAVING countIf(name = 'operation-1') > 0 AND countIf(name = 'operation-2') = 0 ORDER BY ordered, trace_id LIMIT 20
-- 17
WITH slow AS (
  SELECT trace_id, max(start_ns + duration_ns) - min(start_ns) AS took FROM spans GROUP BY trace_id
  HAVING countIf(service_name = 'service-3') > 0 AND countIf(service_name = 'service-7') > 0 AND took > 990000000
  ORDER BY took DESC, trace_id LIMIT 20
),
chosen AS (SELECT * FROM spans WHERE trace_id IN (SELECT trace_id FROM slow)),
covered AS (
  SELECT trace_id, span_id, toInt64(intervalLengthSum(s, e)) AS covered FROM (
    SELECT c.trace_id AS trace_id, c.parent_span_id AS span_id, greatest(c.start_ns, p.start_ns) AS s,
           least(c.start_ns + greatest(c.duration_ns, 0), p.start_ns + greatest(p.duration_ns, 0)) AS e
    FROM chosen c JOIN chosen p ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id) WHERE e > s GROUP BY trace_id, span_id
)
SELECT s.trace_id AS trace, any(slow.took) AS took,
       sumIf(greatest(s.duration_ns, 0) - covered.covered, s.service_name = 'service-3') / sum(greatest(s.duration_ns, 0) - covered.covered)
FROM chosen s JOIN slow ON s.trace_id = slow.trace_id LEFT JOIN covered ON s.trace_id = covered.trace_id AND s.span_id = covered.span_id
GROUP BY trace ORDER BY took DESC, trace
-- 18
SELECT c.service_name AS service, count(), countIf(c.parent_span_id != '' AND p.span_id = ''),
       countIf(p.span_id != '' AND c.start_ns < p.start_ns), countIf(c.duration_ns < 0)
FROM spans c LEFT JOIN spans p ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id GROUP BY service ORDER BY service
-- 18b
SELECT service_name, quantileExactInclusive(0.5)(ingested_ns - start_ns - duration_ns) / 1e9, max(ingested_ns - start_ns - duration_ns) / 1e9
FROM spans GROUP BY service_name ORDER BY service_name
-- 19
SELECT service_name, pair.1 AS key, count(), uniqExact(pair.2), sum(length(pair.2)) AS bytes
FROM (SELECT service_name, arrayJoin({pairs}) AS pair FROM spans) GROUP BY service_name, key ORDER BY bytes DESC, service_name, key LIMIT 20
-- 20
SELECT intDiv(start_ns, 10000000000) * 10000000000 AS time, toInt64(floor(log2(duration_ns))) AS power, sum(sample_weight),
       argMin(trace_id, (-duration_ns, trace_id))
FROM spans WHERE kind = 'server' AND duration_ns > 0 GROUP BY time, power ORDER BY time, power
-- 21
SELECT service_name, name,
       sum(sample_weight * multiIf(status_code = 'error', 0.0, duration_ns <= 20000000, 1.0, duration_ns <= 80000000, 0.5, 0.0)) / sum(sample_weight),
       sum(sample_weight * (status_code != 'error' AND duration_ns <= 20000000)) / sum(sample_weight)
FROM spans WHERE kind = 'server' GROUP BY service_name, name ORDER BY service_name, name
-- 22
SELECT service_name, nullIf({resource:service.instance.id}, '') AS instance, count(), quantileExactInclusive(0.99)(duration_ns), avg(duration_ns)
FROM spans WHERE kind = 'server' GROUP BY service_name, instance ORDER BY service_name, instance
