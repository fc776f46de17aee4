-- Statements that would take more time or memory than a client may have. Every one is refused, at once or at its limit.
-- One a line; what needs much text is made in query/tests/it/hostile_sql.rs.
SELECT count(*) FROM spans a, spans b, spans c, spans d
SELECT count(*) FROM spans a CROSS JOIN spans b CROSS JOIN spans c CROSS JOIN spans d CROSS JOIN spans e
SELECT a.name, b.name, c.name FROM spans a, spans b, spans c ORDER BY 1, 2, 3
SELECT count(*) FROM spans a JOIN spans b ON a.duration_ns <> b.duration_ns JOIN spans c ON b.start_time <> c.start_time JOIN spans d ON true
SELECT count(*) FROM spans a JOIN spans b ON a.name LIKE b.name || '%' JOIN spans c ON c.name LIKE '%' || b.name JOIN spans d ON d.name <> a.name
SELECT count(*) FROM spans a, spans b, spans c WHERE a.duration_ns + b.duration_ns + c.duration_ns = 7
SELECT max(a.name || b.name || (SELECT count(*) FROM spans c, spans d WHERE c.name <> d.name)) FROM spans a, spans b, spans e
SELECT count(*) FROM spans a WHERE EXISTS (SELECT 1 FROM spans b, spans c, spans d WHERE b.name || c.name || d.name = a.name)
SELECT sum(value) FROM generate_series(1, 1000000000000)
SELECT max(value % 7) FROM generate_series(1, 1000000000000)
SELECT count(*) FROM generate_series(1, 1000000000000) WHERE value % 2 = 0
SELECT value FROM generate_series(1, 1000000000000) ORDER BY value % 1000
SELECT count(*) FROM (SELECT DISTINCT value * 7919 % 1000000007 FROM generate_series(1, 100000000000))
SELECT count(DISTINCT value) FROM generate_series(1, 1000000000000)
SELECT count(*) FROM (SELECT value * 7919 % 1000000007 AS v, count(*) FROM generate_series(1, 100000000000) GROUP BY v)
SELECT array_agg(value) FROM generate_series(1, 1000000000000)
SELECT string_agg(CAST(value AS VARCHAR), ',') FROM generate_series(1, 1000000000000)
SELECT median(value) FROM generate_series(1, 1000000000000)
SELECT approx_percentile_cont(value, 0.5) FROM generate_series(1, 1000000000000)
SELECT max(s) FROM (SELECT sum(value % 7) OVER (ORDER BY value) AS s FROM generate_series(1, 1000000000000))
SELECT row_number() OVER (ORDER BY value % 10) FROM generate_series(1, 1000000000000)
SELECT lag(value, 1000) OVER () FROM generate_series(1, 1000000000000) ORDER BY 1
SELECT count(*) FROM generate_series(1, 1000000000) a JOIN generate_series(1, 1000000000) b ON a.value = b.value
SELECT count(*) FROM generate_series(1, 1000000000) a, generate_series(1, 1000000000) b
SELECT count(*) FROM generate_series(1, 1000000000) a FULL JOIN generate_series(1, 1000000000) b ON a.value = b.value + 1
SELECT value FROM generate_series(1, 1000000000) UNION SELECT value + 1 FROM generate_series(1, 1000000000)
SELECT value FROM generate_series(1, 1000000000) INTERSECT SELECT value FROM generate_series(1, 1000000000)
SELECT value FROM generate_series(1, 1000000000) EXCEPT SELECT value FROM generate_series(2, 1000000000)
SELECT count(*) FROM range(1, 1000000000000) WHERE value < 0
SELECT repeat('x', 1000000000)
SELECT repeat(name, 1000000) FROM spans
SELECT lpad('x', 1000000000, 'y')
SELECT rpad('x', 1000000000, 'y')
SELECT array_repeat(1, 1000000000)
SELECT array_resize([1], 1000000000, 0)
SELECT range(0, 1000000000000)
SELECT generate_series(1, 1000000000000)
SELECT count(*) FROM spans WHERE array_length(range(0, 1000000000)) > 1
SELECT replace(replace(replace('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'a', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'), 'b', 'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc'), 'c', 'dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd')
SELECT regexp_replace(regexp_replace(regexp_replace('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'a', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'g'), 'b', 'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc', 'g'), 'c', 'dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd', 'g')
SELECT regexp_like('a', '(((((a{1,1000}){1,1000}){1,1000}){1,1000}){1,1000})')
SELECT regexp_count(name, '(x+x+)+y{1,1000}{1,1000}{1,1000}') FROM spans
WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT * FROM t
WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n FROM t) SELECT count(*) FROM t
WITH RECURSIVE t(a, b) AS (SELECT 'x', 'y' UNION ALL SELECT a || b, b || a FROM t) SELECT max(length(a)) FROM t
SELECT count(*) FROM spans GROUP BY CUBE (name, kind, flags, trace_state, duration_ns, start_time, status_code, status_message, service_name, scope_name, scope_version, sample_weight, ingested_at, span_id, trace_id, parent_span_id, depth, subtree_size, parent_offset, dropped_attributes_count)
SELECT count(*) FROM spans GROUP BY CUBE (name, kind, flags, trace_state), CUBE (duration_ns, start_time, status_code, status_message), CUBE (service_name, scope_name, scope_version, sample_weight), CUBE (ingested_at, span_id, trace_id, parent_span_id), CUBE (depth, subtree_size, parent_offset, dropped_links_count)
SELECT histogram(value) FROM generate_series(1, 1000000000000)
SELECT histogram_quantile(0.5, histogram(value % 1000)) FROM generate_series(1, 1000000000000)
SELECT count(*) FROM span_tree a, span_tree b, span_tree c, span_tree d
SELECT count(*) FROM span_metrics a, span_metrics b, span_metrics c, span_metrics d
SELECT count(DISTINCT time_bucket(INTERVAL '1 second', to_timestamp(value))) FROM generate_series(1, 1000000000000)
SELECT count(*) FROM generate_series(1, 1000000000000) g JOIN spans s ON hex(s.trace_id) = CAST(g.value AS VARCHAR)
SELECT count(*) FROM generate_series(1, 1000000) a JOIN generate_series(1, 1000000) b ON a.value + b.value < 0
SELECT count(*) FROM generate_series(1, 1000000) a JOIN generate_series(1, 1000000) b ON a.value % 2 = b.value % 2 AND a.value + b.value < 0
