-- Statements that try to change something, to open something or to see something outside of the tables. Every one is refused.
-- One a line. {dir} is a directory with files that must not be opened, {name} its last part.
CREATE TABLE t AS SELECT 1
CREATE TABLE t (a INT)
CREATE OR REPLACE TABLE spans AS SELECT 1
CREATE TABLE IF NOT EXISTS t AS SELECT * FROM spans
CREATE TEMPORARY TABLE t AS SELECT 1
CREATE VIEW v AS SELECT * FROM spans
CREATE OR REPLACE VIEW spans AS SELECT 1
CREATE MATERIALIZED VIEW v AS SELECT 1
CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{dir}/canary.csv'
CREATE EXTERNAL TABLE t (a VARCHAR) STORED AS CSV LOCATION '{dir}/canary.csv'
CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '{dir}/canary.parquet'
CREATE EXTERNAL TABLE t STORED AS NDJSON LOCATION '{dir}/canary.json'
CREATE EXTERNAL TABLE t STORED AS ARROW LOCATION '{dir}/canary.arrow'
CREATE EXTERNAL TABLE t STORED AS AVRO LOCATION '{dir}/canary.avro'
CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'file://{dir}/canary.csv'
CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'http://127.0.0.1:9/x.csv'
CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 's3://bucket/x.parquet'
CREATE EXTERNAL TABLE t STORED AS CSV OPTIONS ('format.has_header' 'true') LOCATION '{dir}/canary.csv'
CREATE UNBOUNDED EXTERNAL TABLE t STORED AS CSV LOCATION '{dir}/canary.csv'
CREATE OR REPLACE EXTERNAL TABLE spans STORED AS CSV LOCATION '{dir}/canary.csv'
CREATE EXTERNAL TABLE IF NOT EXISTS t STORED AS CSV LOCATION '{dir}/canary.csv'
CREATE SCHEMA s
CREATE DATABASE d
CREATE INDEX i ON spans (name)
CREATE FUNCTION f(x INT) RETURNS INT RETURN x + 1
CREATE FUNCTION f() RETURNS INT LANGUAGE C AS '{dir}/canary.so'
CREATE MACRO m(a) AS a
CREATE PROCEDURE p AS BEGIN SELECT 1 END
CREATE ROLE r
CREATE USER u
CREATE SEQUENCE s
CREATE TRIGGER t BEFORE INSERT ON spans EXECUTE FUNCTION f()
CREATE TYPE t AS (a INT)
CREATE EXTENSION e
CREATE SECRET s (TYPE S3)
CREATE SERVER s FOREIGN DATA WRAPPER w
CREATE STAGE s
CREATE POLICY p ON spans
DROP TABLE spans
DROP TABLE IF EXISTS spans
DROP VIEW spans
DROP VIEW IF EXISTS traces
DROP SCHEMA public CASCADE
DROP DATABASE clew
DROP FUNCTION abs
DROP INDEX i
DROP ROLE r
ALTER TABLE spans ADD COLUMN x INT
ALTER TABLE spans RENAME TO other
ALTER TABLE spans DROP COLUMN name
ALTER VIEW spans AS SELECT 1
ALTER ROLE r WITH SUPERUSER
ALTER SYSTEM SET x = 1
ALTER SESSION SET x = 1
INSERT INTO spans SELECT * FROM spans
INSERT INTO spans VALUES (1)
INSERT OVERWRITE spans SELECT * FROM spans
INSERT INTO traces (trace_id) VALUES ('1')
INSERT OVERWRITE DIRECTORY '{dir}/out' SELECT 1
REPLACE INTO spans SELECT * FROM spans
UPDATE spans SET name = 'x'
UPDATE spans SET name = 'x' WHERE trace_id = '1'
DELETE FROM spans
DELETE FROM spans WHERE 1 = 1
TRUNCATE TABLE spans
TRUNCATE spans
MERGE INTO spans USING traces ON true WHEN MATCHED THEN DELETE
COPY spans TO '{dir}/out.parquet'
COPY spans TO '{dir}/out.csv' STORED AS CSV
COPY (SELECT 1) TO '{dir}/out.csv' STORED AS CSV
COPY (SELECT * FROM spans) TO '{dir}/out' STORED AS PARQUET PARTITIONED BY (name)
COPY (SELECT 1) TO 'file://{dir}/out.json' STORED AS JSON
COPY (SELECT 1) TO 's3://bucket/out.parquet'
COPY spans FROM '{dir}/canary.csv'
COPY spans TO STDOUT
COPY spans TO PROGRAM 'touch {dir}/out'
COPY INTO spans FROM '{dir}/canary.csv'
UNLOAD (SELECT 1) TO '{dir}/out'
EXPORT DATABASE '{dir}/out'
IMPORT DATABASE '{dir}'
LOAD DATA INPATH '{dir}/canary.csv' INTO TABLE spans
LOAD '{dir}/canary.so'
LOAD httpfs
INSTALL httpfs
ATTACH '{dir}/canary.db' AS other
ATTACH DATABASE '{dir}/canary.db' AS other
DETACH clew
USE information_schema
SET datafusion.execution.batch_size = 1
SET datafusion.catalog.information_schema = false
SET datafusion.execution.time_zone = '+02:00'
SET datafusion.runtime.memory_limit = '100G'
SET datafusion.runtime.temp_directory = '{dir}'
SET VARIABLE x = 1
SET TIME ZONE 'UTC'
SET ROLE admin
SET search_path TO other
SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE
SET x = (SELECT 1)
RESET datafusion.execution.batch_size
RESET ALL
SHOW ALL
SHOW CREATE TABLE spans
SHOW FUNCTIONS
SHOW datafusion.execution.batch_size
SHOW DATABASES
SHOW VARIABLES
DESCRIBE '{dir}/canary.csv'
PRAGMA table_info('spans')
PRAGMA database_list
PREPARE p AS SELECT 1
PREPARE p(INT) AS SELECT $1
PREPARE p AS CREATE TABLE t AS SELECT 1
PREPARE p AS COPY (SELECT 1) TO '{dir}/out.csv'
EXECUTE p
EXECUTE p(1)
EXECUTE IMMEDIATE 'DROP TABLE spans'
DEALLOCATE p
DEALLOCATE ALL
DECLARE c CURSOR FOR SELECT 1
FETCH NEXT FROM c
CLOSE c
BEGIN
BEGIN TRANSACTION
START TRANSACTION
COMMIT
ROLLBACK
SAVEPOINT s
RELEASE SAVEPOINT s
LOCK TABLES spans READ
UNLOCK TABLES
GRANT ALL ON spans TO public
REVOKE ALL ON spans FROM public
DENY SELECT ON spans TO public
ANALYZE TABLE spans COMPUTE STATISTICS
ANALYZE spans
VACUUM
OPTIMIZE TABLE spans
REFRESH TABLE spans
MSCK REPAIR TABLE spans
CACHE TABLE spans
UNCACHE TABLE spans
CALL p(1)
DO $$ BEGIN END $$
KILL 1
FLUSH TABLES
DISCARD ALL
LISTEN c
NOTIFY c
COMMENT ON TABLE spans IS 'x'
ASSERT 1 = 1
RAISE 'x'
PRINT 'x'
RETURN 1
IF 1 = 1 THEN SELECT 1; END IF
WHILE 1 = 1 DO SELECT 1; END WHILE
SELECT 1; SELECT 2
SELECT 1; DROP TABLE spans
SELECT 1;; DROP TABLE spans
SELECT 1 /* ; */ ; COPY (SELECT 1) TO '{dir}/out.csv' STORED AS CSV
EXPLAIN CREATE TABLE t AS SELECT 1
EXPLAIN COPY (SELECT 1) TO '{dir}/out.csv' STORED AS CSV
EXPLAIN ANALYZE COPY (SELECT 1) TO '{dir}/out.csv' STORED AS CSV
EXPLAIN ANALYZE INSERT INTO spans SELECT * FROM spans
EXPLAIN INSERT INTO spans SELECT * FROM spans
EXPLAIN CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{dir}/canary.csv'
EXPLAIN SET datafusion.execution.batch_size = 1
EXPLAIN DROP TABLE spans
EXPLAIN EXPLAIN SELECT 1
EXPLAIN ANALYZE EXPLAIN SELECT 1
EXPLAIN PREPARE p AS SELECT 1
EXPLAIN spans
SELECT 1 INTO t
SELECT * INTO t FROM spans
SELECT * INTO OUTFILE '{dir}/out.csv' FROM spans
WITH a AS (SELECT 1) SELECT * INTO t FROM a
SELECT * FROM (SELECT 1 INTO t)
WITH a AS (INSERT INTO spans SELECT * FROM spans RETURNING *) SELECT * FROM a
WITH a AS (DELETE FROM spans RETURNING *) SELECT * FROM a
WITH a AS (UPDATE spans SET name = 'x' RETURNING *) SELECT * FROM a
WITH a AS (SELECT 1) INSERT INTO spans SELECT * FROM a
WITH a AS (SELECT 1) DELETE FROM spans
WITH a AS (SELECT 1) UPDATE spans SET name = 'x'
(INSERT INTO spans SELECT * FROM spans)
(DELETE FROM spans)
SELECT * FROM (DELETE FROM spans) x
SELECT * FROM spans FOR UPDATE
SELECT * FROM spans FOR SHARE
SELECT * FROM spans FOR UPDATE SKIP LOCKED
FROM spans INSERT INTO traces SELECT *
FROM '{dir}/canary.csv'
TABLE '{dir}/canary.csv'
SELECT * FROM '{dir}/canary.csv'
SELECT * FROM "{dir}/canary.csv"
SELECT * FROM '{dir}/canary.parquet'
SELECT * FROM "{dir}/canary.parquet"
SELECT * FROM '{dir}/canary.json'
SELECT * FROM "{dir}/canary.json"
SELECT * FROM '{dir}/canary.json.gz'
SELECT * FROM "{dir}/canary.json.gz"
SELECT * FROM '{dir}/*.csv'
SELECT * FROM "{dir}/*.csv"
SELECT * FROM '{dir}/'
SELECT * FROM "{dir}/"
SELECT * FROM '{dir}/../{name}/canary.csv'
SELECT * FROM "{dir}/../{name}/canary.csv"
SELECT * FROM 'file://{dir}/canary.csv'
SELECT * FROM "file://{dir}/canary.csv"
SELECT * FROM 'file:{dir}/canary.csv'
SELECT * FROM "file:{dir}/canary.csv"
SELECT * FROM 'FILE://{dir}/canary.csv'
SELECT * FROM "FILE://{dir}/canary.csv"
SELECT * FROM '/etc/passwd'
SELECT * FROM "/etc/passwd"
SELECT * FROM '/proc/self/environ'
SELECT * FROM "/proc/self/environ"
SELECT * FROM '/dev/stdin'
SELECT * FROM "/dev/stdin"
SELECT * FROM 'http://127.0.0.1:9/x.csv'
SELECT * FROM "http://127.0.0.1:9/x.csv"
SELECT * FROM 'https://127.0.0.1:9/x.parquet'
SELECT * FROM "https://127.0.0.1:9/x.parquet"
SELECT * FROM 's3://bucket/x.parquet'
SELECT * FROM "s3://bucket/x.parquet"
SELECT * FROM 'gs://bucket/x'
SELECT * FROM "gs://bucket/x"
SELECT * FROM 'az://container/x'
SELECT * FROM "az://container/x"
SELECT * FROM 'hdfs://host/x'
SELECT * FROM "hdfs://host/x"
SELECT * FROM 'ftp://host/x'
SELECT * FROM "ftp://host/x"
SELECT * FROM 'data:text/csv,a'
SELECT * FROM "data:text/csv,a"
SELECT * FROM 'clew://segments'
SELECT * FROM "clew://segments"
SELECT * FROM 'clew://segments/x.parquet'
SELECT * FROM "clew://segments/x.parquet"
SELECT * FROM 'memory:///x'
SELECT * FROM "memory:///x"
SELECT * FROM 'canary.csv'
SELECT * FROM "canary.csv"
SELECT * FROM '../canary.csv'
SELECT * FROM "../canary.csv"
SELECT * FROM '~/canary.csv'
SELECT * FROM "~/canary.csv"
SELECT * FROM '\\host\share\x.csv'
SELECT * FROM "\\host\share\x.csv"
SELECT * FROM '{dir}/canary.csv\0'
SELECT * FROM "{dir}/canary.csv\0"
SELECT * FROM read_csv('{dir}/canary.csv')
SELECT * FROM read_csv_auto('{dir}/canary.csv')
SELECT * FROM read_parquet('{dir}/canary.parquet')
SELECT * FROM read_json('{dir}/canary.json')
SELECT * FROM read_text('{dir}/canary.csv')
SELECT * FROM read_blob('{dir}/canary.csv')
SELECT * FROM parquet_scan('{dir}/canary.parquet')
SELECT * FROM parquet_metadata('{dir}/canary.parquet')
SELECT * FROM sniff_csv('{dir}/canary.csv')
SELECT * FROM glob('{dir}/*')
SELECT * FROM file('{dir}/canary.csv')
SELECT * FROM url('http://127.0.0.1:9/')
SELECT * FROM s3('s3://bucket/x')
SELECT * FROM remote('127.0.0.1', 'x')
SELECT * FROM mysql('127.0.0.1', 'x')
SELECT * FROM executable('cat {dir}/canary.csv')
SELECT * FROM postgres_scan('x')
SELECT * FROM sqlite_scan('{dir}/canary.db', 't')
SELECT * FROM delta_scan('{dir}')
SELECT * FROM iceberg_scan('{dir}')
SELECT * FROM arrow_cast('x', 'y')
SELECT * FROM pg_read_file('{dir}/canary.csv')
SELECT * FROM pg_ls_dir('{dir}')
SELECT * FROM system('true')
SELECT pg_read_file('{dir}/canary.csv')
SELECT pg_read_binary_file('{dir}/canary.csv')
SELECT lo_import('{dir}/canary.csv')
SELECT lo_export(1, '{dir}/out')
SELECT load_file('{dir}/canary.csv')
SELECT readfile('{dir}/canary.csv')
SELECT writefile('{dir}/out', 'x')
SELECT load_extension('{dir}/canary.so')
SELECT getenv('HOME')
SELECT current_setting('x')
SELECT set_config('x', 'y', false)
SELECT version()
SELECT sleep(100)
SELECT pg_sleep(100)
SELECT dblink('x', 'y')
SELECT query_to_xml('SELECT 1', true, true, '')
SELECT xmlparse('x')
SELECT system('true')
SELECT file_read('{dir}/canary.csv')
SELECT input_file_name()
SELECT * FROM datafusion.public.spans
SELECT * FROM other.public.spans
SELECT * FROM clew.other.spans
SELECT * FROM a.b.c.spans
SELECT * FROM clew.information_schema.spans
SELECT * FROM pg_catalog.pg_tables
SELECT * FROM pg_shadow
SELECT * FROM sqlite_master
SELECT * FROM mysql.user
SELECT * FROM system.processes
SELECT * FROM spans_hot
SELECT * FROM spans_stored
SELECT * FROM traces_stored
SHOW TABLES FROM information_schema
SHOW TABLES LIKE '%'
SHOW FULL TABLES
SHOW COLUMNS FROM df_settings
SHOW COLUMNS FROM '{dir}/canary.csv'
DESCRIBE canary
DESCRIBE "{dir}/canary.csv"
DESCRIBE EXTENDED spans
DESCRIBE TABLE spans
EXPLAIN SHOW TABLES
EXPLAIN DESCRIBE spans
