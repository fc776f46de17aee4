"""Runs in the environment of requirements.txt: answers statements with DuckDB or ClickHouse over the rows of a data directory.

`engine.py duckdb|clickhouse DIRECTORY THREADS SECONDS` prints a line of JSON with its version, then reads a statement a line from the
standard input, as JSON, and prints what came of it: rows, seconds and CPU seconds, or an error, as when it takes longer than SECONDS.
DuckDB reads the segment files; ClickHouse has a table of its own with the same rows in `DIRECTORY/clickhouse`, made once by `load`.

Statements are templates, because the two keep ids and attributes in different ways:

    {attribute:K} {resource:K}  the value of a key of the span, of the resource
    {has:K}                     whether the span has the key
    {pairs}                     a list of all keys and values
    {entries:C WHERE X}         DuckDB: a query for columns C, and key and value of all attributes, of the spans that meet X
    {hex:C} {id:I}              an id as text, an id as it is compared
"""

import json
import pathlib
import re
import resource
import sys
import threading
import time


#: The ids that a `spans` file has in one column: docs/segment-format.md.
IDS = "span_and_parent_id[1:8] AS span_id, CASE WHEN has_parent THEN span_and_parent_id[9:16] END AS parent_span_id"


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("'", "''") + "'"


class DuckDB:
    """The `spans` and the `traces` files of a data directory as a view each."""

    def __init__(self, folder, threads, seconds_max):
        import duckdb

        self.seconds_max = seconds_max
        self.version = f"DuckDB {duckdb.__version__}"
        self.files = sorted(str(path) for path in (folder / "data").rglob("*.spans.parquet"))
        self.connection = duckdb.connect(config={"threads": threads})
        self.connection.execute("SET TimeZone = 'UTC'")
        self.layouts = {"attributes": [], "resource_attributes": []}
        footers = "SELECT decode(value) FROM parquet_kv_metadata([FILES]) WHERE decode(key) = 'clew.attributes' ORDER BY file_name"
        footers = footers.replace("FILES", ", ".join(map(literal, self.files)))
        for (text,) in self.connection.execute(footers).fetchall():
            of = json.loads(text)
            self.layouts["attributes"].append(of["span"])
            self.layouts["resource_attributes"].append(of["resource"])
        files = ", ".join(map(literal, self.files))
        self.connection.execute(
            f"CREATE VIEW spans AS SELECT *, {IDS}, epoch_ns(start_time) AS start_ns, epoch_ns(ingested_at) AS ingested_ns "
            f"FROM read_parquet([{files}], union_by_name = true)"
        )
        files = ", ".join(literal(file.replace(".spans.", ".traces.")) for file in self.files)
        self.connection.execute(f"CREATE VIEW traces AS SELECT *, epoch_ns(start_time) AS start_ns FROM read_parquet([{files}])")

    def value(self, owner, key):
        """What reads a key: its column, where a file has one, and the map that holds it in the others."""
        import xxhash

        in_column, maps = False, set()
        for layout in self.layouts[owner]:
            column = next((column for column in layout["columns"] if column["key"] == key), None)
            in_column |= column is not None
            named = layout["residue_keys"]
            if named is None or key in named:
                place = xxhash.xxh3_64_intdigest(key.encode()) % max(layout["buckets"], 1)
                maps |= {place} & set(layout["filled"])
        parts = [quoted(f"{owner}.{key}") + "::VARCHAR"] if in_column else []
        parts += [f"{quoted(f'{owner}#{place}')}[{literal(key)}]" for place in sorted(maps)]
        return f"coalesce({', '.join(parts)})" if parts else "NULL"

    def pairs(self):
        """A list of all keys and values."""
        layouts = self.layouts["attributes"]
        keys = sorted({column["key"] for layout in layouts for column in layout["columns"]})
        entries = ", ".join(f"{{key: {literal(key)}, value: {quoted(f'attributes.{key}')}::VARCHAR}}" for key in keys)
        lists = [f"[e FOR e IN [{entries}] IF e.value IS NOT NULL]"] if entries else []
        for place in sorted({place for layout in layouts for place in layout["filled"]}):
            lists.append(f"coalesce(map_entries({quoted(f'attributes#{place}')}), [])")
        whole = lists[0]
        for more in lists[1:]:
            whole = f"list_concat({whole}, {more})"
        return whole

    def entries(self, wanted):
        """A query for columns and all attributes of the spans that meet a condition: the columns of keys made rows, and each map unfolded."""
        columns, _, condition = wanted.partition(" WHERE ")
        spans = f"spans WHERE {condition}" if condition else "spans"
        layouts = self.layouts["attributes"]
        keys = sorted({column["key"] for layout in layouts for column in layout["columns"]})
        parts = []
        for place in sorted({place for layout in layouts for place in layout["filled"]}):
            unfolded = f"SELECT {columns}, unnest(map_entries({quoted(f'attributes#{place}')})) AS entry FROM {spans}"
            parts.append(f"SELECT {columns}, entry.key AS key, entry.value AS value FROM ({unfolded})")
        if keys:
            names = ", ".join(quoted(f"attributes.{key}") for key in keys)
            texts = ", ".join(f"{quoted(f'attributes.{key}')}::VARCHAR AS {quoted(f'attributes.{key}')}" for key in keys)
            turned = f"UNPIVOT (SELECT {columns}, {texts} FROM {spans}) ON {names} INTO NAME key VALUE value"
            parts.append(f"SELECT {columns}, substr(key, {len('attributes.') + 1}), value FROM ({turned})")
        return " UNION ALL ".join(parts)

    def expression(self, what, argument):
        if what == "hex":
            return f"lower(hex({argument}))"
        if what == "id":
            return f"unhex('{argument}')"
        if what == "pairs":
            return self.pairs()
        if what == "has":
            return f"({self.value('attributes', argument)} IS NOT NULL)"
        if what == "entries":
            return self.entries(argument)
        return self.value({"attribute": "attributes", "resource": "resource_attributes"}[what], argument)

    def run(self, statement):
        timer = threading.Timer(self.seconds_max, self.connection.interrupt)
        timer.start()
        try:
            return [list(row) for row in self.connection.execute(statement).fetchall()]
        finally:
            timer.cancel()

    def export(self, path, file):
        """Writes the rows of one segment with whole maps, ids as text, for another engine."""
        one = DuckDB.__new__(DuckDB)
        place = self.files.index(file)
        one.layouts = {owner: [layouts[place]] for owner, layouts in self.layouts.items()}
        resource = one.layouts["resource_attributes"][0]
        keys = {column["key"] for column in resource["columns"]} | set(resource["residue_keys"] or [])
        values = ", ".join(f"{{key: {literal(key)}, value: {one.value('resource_attributes', key)}}}" for key in sorted(keys))
        self.connection.execute(
            f"""COPY (SELECT lower(hex(trace_id)) AS trace_id, lower(hex(span_id)) AS span_id,
              coalesce(lower(hex(parent_span_id)), '') AS parent_span_id, name, kind, epoch_ns(start_time) AS start_ns,
              epoch_ns(ingested_at) AS ingested_ns, duration_ns, status_code, sample_weight, service_name,
              map_from_entries({one.pairs()}) AS attributes,
              map_from_entries([e FOR e IN [{values}] IF e.value IS NOT NULL]) AS resource_attributes,
              [epoch_ns(e.time) FOR e IN events] AS event_times, [e.name FOR e IN events] AS event_names,
              [e.attributes FOR e IN events] AS event_attributes, depth
            FROM (SELECT *, {IDS} FROM read_parquet({literal(file)}))) TO {literal(path)} (FORMAT parquet, COMPRESSION zstd)"""
        )


#: The table of OpenTelemetry's exporter for ClickHouse, in its order and with its indexes, with the columns that are asked for here.
TABLE = """
CREATE TABLE spans (
  trace_id String CODEC(ZSTD(1)), span_id String CODEC(ZSTD(1)), parent_span_id String CODEC(ZSTD(1)),
  name LowCardinality(String), kind LowCardinality(String), start_ns Int64 CODEC(Delta, ZSTD(1)), ingested_ns Int64 CODEC(Delta, ZSTD(1)),
  duration_ns Int64 CODEC(ZSTD(1)), status_code LowCardinality(String), sample_weight Float64 CODEC(ZSTD(1)),
  service_name LowCardinality(String),
  attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  resource_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  event_times Array(Int64) CODEC(ZSTD(1)), event_names Array(LowCardinality(String)) CODEC(ZSTD(1)),
  event_attributes Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
  depth UInt32 CODEC(ZSTD(1)),
  INDEX by_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
  INDEX by_key mapKeys(attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_value mapValues(attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_resource_key mapKeys(resource_attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_resource_value mapValues(resource_attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_duration duration_ns TYPE minmax GRANULARITY 1
) ENGINE = MergeTree ORDER BY (service_name, name, fromUnixTimestamp64Nano(start_ns)::DateTime)
"""


class ClickHouse:
    """A table of its own."""

    def __init__(self, folder, threads, seconds_max):
        from chdb import session

        self.folder = folder
        self.threads = threads
        self.seconds_max = seconds_max
        self.session = session.Session(str(folder / "clickhouse"))
        self.settings = (
            f"SETTINGS max_threads = {threads}, max_execution_time = {seconds_max:g}, output_format_json_quote_64bit_integers = 0"
        )
        self.version = f"ClickHouse {self.run('SELECT version()')[0][0]} (chdb)"

    def expression(self, what, argument):
        if what == "hex":
            return argument
        if what == "id":
            return f"'{argument}'"
        if what == "pairs":
            return "CAST(attributes, 'Array(Tuple(String, String))')"
        if what == "has":
            return f"mapContains(attributes, {literal(argument)})"
        return f"{ {'attribute': 'attributes', 'resource': 'resource_attributes'}[what]}[{literal(argument)}]"

    def run(self, statement):
        return json.loads(self.session.query(f"{statement} {self.settings}", "JSONCompact").bytes())["data"]

    def load(self):
        """Makes the table of the rows that DuckDB reads from the segment files."""
        source = DuckDB(self.folder, self.threads, self.seconds_max)
        self.session.query("DROP TABLE IF EXISTS spans SYNC")
        self.session.query(TABLE)
        path = self.folder / "rows.parquet"
        for file in source.files:
            source.export(str(path), file)
            self.session.query(f"INSERT INTO spans SELECT * FROM file({literal(str(path))}, Parquet)")
            path.unlink()
        self.session.query("OPTIMIZE TABLE spans FINAL")
        return self.run("SELECT count() FROM spans")[0][0]


def expand(engine, statement):
    return re.sub(r"\{(\w+)(?::([^{}]*))?\}", lambda found: engine.expression(found[1], found[2]), statement)


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main():
    name, folder, threads, seconds_max = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    engine = {"duckdb": DuckDB, "clickhouse": ClickHouse}[name](folder, threads, seconds_max)
    print(json.dumps({"version": engine.version}), flush=True)
    for line in sys.stdin:
        try:
            asked = json.loads(line)
            if asked == "load":
                answer = {"rows": engine.load()}
            else:
                statement = expand(engine, asked)
                cpu, started = cpu_seconds(), time.perf_counter()
                rows = engine.run(statement)
                answer = {"rows": rows, "seconds": time.perf_counter() - started, "cpu_seconds": cpu_seconds() - cpu}
        except Exception as error:  # An engine that cannot answer is a figure of its own.
            answer = {"error": f"{type(error).__name__}: {error}".strip()}
        print(json.dumps(answer, default=str), flush=True)


if __name__ == "__main__":
    main()
