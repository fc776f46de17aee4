-- Statements at the edges of types, functions and syntax. Each gets its rows or an error that is its author's, never a fault of ours.
-- One a line.
SELECT 1 / 0
SELECT 1 % 0
SELECT 1.0 / 0
SELECT CAST(-9223372036854775808 AS BIGINT) / -1
SELECT -(-9223372036854775807 - 1)
SELECT abs(-9223372036854775807 - 1)
SELECT 9223372036854775807 + 1
SELECT 9223372036854775807 * 2
SELECT sum(value) FROM generate_series(9223372036854775800, 9223372036854775807)
SELECT count(*) FROM generate_series(1, 10, 0)
SELECT count(*) FROM generate_series(9223372036854775806, 9223372036854775807)
SELECT power(10, 400)
SELECT factorial(1000)
SELECT factorial(-1)
SELECT gcd(-9223372036854775807 - 1, -9223372036854775807 - 1)
SELECT lcm(9223372036854775807, 9223372036854775806)
SELECT chr(-1)
SELECT chr(1114112)
SELECT chr(0)
SELECT substr('abc', -9223372036854775807)
SELECT substr('abc', 1, -1)
SELECT substr('abc', 9223372036854775807, 9223372036854775807)
SELECT left('abc', -9223372036854775807)
SELECT right('abc', -9223372036854775807)
SELECT split_part('a,b', ',', -9223372036854775807)
SELECT split_part('a,b', ',', 0)
SELECT strpos('', '')
SELECT overlay('abc' PLACING 'x' FROM 9223372036854775807)
SELECT overlay('abc' PLACING 'x' FROM -5 FOR -7)
SELECT to_timestamp(9223372036854775807)
SELECT to_timestamp(-9223372036854775807)
SELECT to_timestamp('99999-01-01T00:00:00Z')
SELECT date_trunc('century', start_time) FROM spans
SELECT date_trunc('day', to_timestamp(-9223372036))
SELECT date_bin(INTERVAL '0 seconds', start_time) FROM spans
SELECT date_bin(INTERVAL '-1 seconds', start_time) FROM spans
SELECT date_bin(INTERVAL '1 month', start_time, TIMESTAMP '1677-09-22') FROM spans
SELECT start_time + INTERVAL '10000 years' FROM spans
SELECT start_time - INTERVAL '10000 years' FROM spans
SELECT make_date(2147483647, 12, 31)
SELECT extract(epoch FROM INTERVAL '178956970 years')
SELECT CAST('x' AS BIGINT)
SELECT CAST(1e308 AS BIGINT)
SELECT CAST(name AS BIGINT) FROM spans
SELECT CAST('NaN' AS DOUBLE) > 1
SELECT arrow_cast(1, 'NoSuchType')
SELECT arrow_cast('x', 'FixedSizeBinary(-1)')
SELECT arrow_cast(1, 'Decimal128(38, 38)')
SELECT arrow_cast(1, 'Timestamp(Nanosecond, Some("No/Where"))')
SELECT arrow_cast(1, 'List(List(List(List(Int64))))')
SELECT decode('zz', 'hex')
SELECT decode('x', 'base64')
SELECT encode('x', 'nothing')
SELECT [1, 2, 3][9223372036854775807]
SELECT [1, 2, 3][-9223372036854775807]
SELECT array_slice([1, 2, 3], -9223372036854775807, 9223372036854775807)
SELECT array_slice([1, 2, 3], 1, 3, 0)
SELECT array_element([], 1)
SELECT flatten([[[]]])
SELECT attributes['http.route']['x'] FROM spans
SELECT attributes[1] FROM spans
SELECT attributes[NULL] FROM spans
SELECT events[1]['name'] FROM spans
SELECT events[0]['attributes']['x'] FROM spans
SELECT unnest(attributes) FROM spans
SELECT unnest(NULL)
SELECT attribute_is(attributes, NULL, NULL) FROM spans
SELECT attribute_is(name, 'a', 'b') FROM spans
SELECT attribute_is(attributes, name, name) FROM spans
SELECT attribute_is() FROM spans
SELECT max(attributes) FROM spans
SELECT DISTINCT attributes FROM spans
SELECT * FROM spans ORDER BY attributes
SELECT attributes, count(*) FROM spans GROUP BY attributes
SELECT * FROM spans a JOIN spans b ON a.attributes = b.attributes
SELECT events FROM spans UNION SELECT events FROM spans
SELECT count(*) FROM spans WHERE attributes = attributes
SELECT nth_value(name, 0) OVER () FROM spans
SELECT nth_value(name, -9223372036854775807) OVER () FROM spans
SELECT lag(name, -9223372036854775807) OVER (ORDER BY start_time) FROM spans
SELECT ntile(0) OVER () FROM spans
SELECT ntile(9223372036854775807) OVER () FROM spans
SELECT sum(duration_ns) OVER (ORDER BY start_time ROWS BETWEEN 9223372036854775807 PRECEDING AND 9223372036854775807 FOLLOWING) FROM spans
SELECT sum(duration_ns) OVER (ORDER BY start_time RANGE BETWEEN INTERVAL '10000 years' PRECEDING AND CURRENT ROW) FROM spans
SELECT name FROM spans LIMIT 9223372036854775807 OFFSET 9223372036854775807
SELECT name FROM spans LIMIT -1
SELECT name FROM spans OFFSET -1
SELECT name FROM spans TABLESAMPLE SYSTEM (10)
SELECT name FROM spans ORDER BY 99
SELECT approx_percentile_cont(duration_ns, 2.0) FROM spans
SELECT approx_percentile_cont(duration_ns, -1.0) FROM spans
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ns) FROM spans
SELECT corr(duration_ns, NULL) FROM spans
SELECT regexp_like('a', '(')
SELECT regexp_match('a', '(?=a)')
SELECT regexp_replace('a', 'a', '${1')
SELECT 'a' LIKE 'a' ESCAPE 'ab'
SELECT 'a' SIMILAR TO '(((('
SELECT $1
SELECT ?
SELECT :name
SELECT 'unterminated
SELECT "unterminated
SELECT /* unterminated
SELECT U&'\FFFF'
SELECT E'\x'
SELECT X'abc'
SELECT 1e999999999
SELECT 99999999999999999999999999999999999999999999999999999999999999999999999999999999
SELECT INTERVAL '999999999999999999999 years'
SELECT TIMESTAMP 'yesterday'
SELECT DATE '0000-00-00'
VALUES ()
VALUES (1), (1, 2)
SELECT
SELECT FROM spans
SELECT * FROM
SELECT * FROM spans WHERE
SELECT * FROM spans GROUP BY
SELECT *, * FROM spans
SELECT a.* FROM spans
SELECT no_such_column FROM spans
SELECT no_such_function(1)
SELECT count(*) FILTER (WHERE) FROM spans
SELECT name FROM spans HAVING count(*) > 1
SELECT GROUPING(name) FROM spans
SELECT * FROM spans NATURAL JOIN traces
SELECT * FROM LATERAL (SELECT 1)
SELECT * FROM spans PIVOT (count(*) FOR name IN ('a'))
SELECT * FROM spans QUALIFY row_number() OVER () = 1
SELECT name FROM spans WHERE start_time = 'yesterday'
SELECT name FROM spans WHERE trace_id = 5
SELECT name FROM spans WHERE trace_id = ''
SELECT name FROM spans WHERE trace_id LIKE '%'
SELECT histogram_quantile(0.5, 0, 0, 2147483647, [1])
SELECT histogram_quantile(0.5, 20, 18446744073709551615, 0, [18446744073709551615, 18446744073709551615])
SELECT histogram_merge(0, 0, -2147483648, [1, NULL, 3])
SELECT histogram_quantile(NULL, 0, 0, 0, [1])
SELECT histogram(CAST(NULL AS BIGINT))
SELECT histogram(duration_ns, CAST('NaN' AS DOUBLE)) FROM spans
SELECT histogram(duration_ns, -1.0) FROM spans
SELECT histogram(duration_ns) OVER (ORDER BY start_time) FROM spans
SELECT time_bucket(INTERVAL '1 day', TIMESTAMP '1677-09-21T00:12:44Z')
SELECT time_bucket(NULL, start_time) FROM spans
SELECT time_bucket('nonsense', start_time) FROM spans
SELECT time_bucket(name, start_time) FROM spans
SELECT trace_id('')
SELECT span_id('00000000000000000000001')
SELECT hex(name) FROM spans
SELECT hex(NULL)
SELECT is_root(name) FROM spans
SELECT * FROM span_tree WHERE trace_id = 'zz'
SELECT count(*) FROM links WHERE linked_trace_id IS NULL
SHOW COLUMNS
DESCRIBE
