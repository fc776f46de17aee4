"""Reads the segments below a directory as they lie, with DuckDB, polars and pandas, and prints what each finds, a line of JSON a reader.

    read.py DIRECTORY KEY…

For each service: spans, their duration, and how many have a value of each attribute KEY; then how many spans have no parent, and how many
one that is there; then the spans and errors of all rows of `traces`.
"""

import json
import sys
from pathlib import Path

import duckdb
import pandas
import polars


def files(directory, table):
    return sorted(str(path) for path in Path(directory).rglob(f"*.{table}.parquet"))


def residues(columns):
    return sorted(name for name in columns if name.startswith("attributes#"))


def with_duckdb(directory, keys):
    source = f"read_parquet({files(directory, 'spans')!r}, union_by_name = true)"
    columns = [row[0] for row in duckdb.sql(f"DESCRIBE SELECT * FROM {source}").fetchall()]

    def value(key):
        found = [f"\"{name}\"['{key}']" for name in residues(columns)]
        if f"attributes.{key}" in columns:
            found.append(f'"attributes.{key}"::VARCHAR')
        return f"count(coalesce({', '.join(found + ['NULL'])}))"

    counts = ", ".join(value(key) for key in keys)
    spans = duckdb.sql(f"SELECT service_name, count(*), sum(duration_ns)::BIGINT, {counts} FROM {source} GROUP BY ALL")
    roots = f"SELECT count(*) FILTER (WHERE NOT has_parent) FROM {source}"
    children = f"SELECT count(*) FROM {source} WHERE has_parent AND span_and_parent_id[9:16] IN (SELECT span_and_parent_id[1:8] FROM {source})"
    parents = [duckdb.sql(count).fetchall()[0][0] for count in (roots, children)]
    traces = f"read_parquet({files(directory, 'traces')!r})"
    totals = duckdb.sql(f"SELECT sum(span_count)::BIGINT, sum(error_count)::BIGINT FROM {traces}").fetchall()[0]
    return {row[0]: list(row[1:]) for row in spans.fetchall()}, parents, list(totals)


def of_ids(ids, have_parents):
    """How many spans have no parent, and how many one that is among `ids`, which are of 16 bytes."""
    spans = {both[:8] for both in ids}
    parents = [both[8:] for both, has_parent in zip(ids, have_parents, strict=True) if has_parent]
    return [len(ids) - len(parents), sum(parent in spans for parent in parents)]


def of_rows(services, durations, have):
    """Sums over rows: the service, the duration and the keys of each."""
    sums = {}
    for service, duration, found in zip(services, durations, have, strict=True):
        row = sums.setdefault(service, [0, 0] + [0] * len(found))
        for place, amount in enumerate([1, duration, *found]):
            row[place] += int(amount)
    return sums


def with_polars(directory, keys):
    table = polars.concat([polars.read_parquet(file) for file in files(directory, "spans")], how="diagonal_relaxed")

    def has(key, row):
        maps = (row[name] or {} for name in residues(table.columns))
        return row.get(f"attributes.{key}") is not None or any(key in entries for entries in maps)

    have = [[has(key, row) for key in keys] for row in table.iter_rows(named=True)]
    traces = polars.read_parquet(files(directory, "traces"))
    totals = [int(traces[name].sum()) for name in ("span_count", "error_count")]
    parents = of_ids(table["span_and_parent_id"].to_list(), table["has_parent"])
    return of_rows(table["service_name"], table["duration_ns"], have), parents, totals


def with_pandas(directory, keys):
    table = pandas.concat([pandas.read_parquet(file) for file in files(directory, "spans")])

    def has(key, row):
        # A file without the column leaves NaN.
        maps = (row[name] for name in residues(table.columns) if isinstance(row[name], list))
        return not pandas.isna(row.get(f"attributes.{key}")) or any(name == key for entries in maps for name, _ in entries)

    have = [[has(key, row) for key in keys] for row in table.to_dict("records")]
    traces = pandas.concat([pandas.read_parquet(file) for file in files(directory, "traces")])
    totals = [int(traces[name].sum()) for name in ("span_count", "error_count")]
    parents = of_ids(table["span_and_parent_id"].to_list(), table["has_parent"])
    return of_rows(table["service_name"], table["duration_ns"], have), parents, totals


def main(directory, *keys):
    for name, reader in (("duckdb", with_duckdb), ("polars", with_polars), ("pandas", with_pandas)):
        services, parents, totals = reader(directory, keys)
        print(json.dumps({"reader": name, "services": services, "parents": parents, "traces": totals}))


main(*sys.argv[1:])
