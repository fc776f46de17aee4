"""Answers the statements of a file with DuckDB, over the `spans` files of a data directory.

Prints one JSON object: the name of each statement to its rows. Ids are hex, times are nanoseconds.
"""

import json
import pathlib
import sys

import duckdb

SPANS = """
CREATE VIEW spans AS SELECT
  lower(hex(trace_id)) AS trace_id, lower(hex(span_id)) AS span_id, lower(hex(parent_span_id)) AS parent_span_id,
  epoch_ns(start_time) AS start_ns, epoch_ns(ingested_at) AS ingested_ns,
  * EXCLUDE (trace_id, span_id, parent_span_id, start_time, ingested_at, depth, parent_offset, subtree_size)
FROM (FILES)
"""


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def entry(owner, column):
    """Key and canonical text of the values in a column."""
    value = quoted(f"{owner}.{column['key']}") + "::VARCHAR"
    if column["type"] == "d":
        value = f"regexp_replace({value}, '\\.0$', '')"
    return f"{{key: {literal(column['key'])}, value: {value}}}"


def whole_map(owner, layout):
    """The map that the columns and residue maps of an owner stand for: docs/segment-format.md."""
    entries = ", ".join(entry(owner, column) for column in layout["columns"])
    lists = [f"map_entries({quoted(f'{owner}#{bucket}')})" for bucket in layout["filled"]]
    if entries:
        lists.append(f"[e FOR e IN [{entries}] IF e.value IS NOT NULL]")
    whole = lists[0] if lists else "[]"
    for more in lists[1:]:
        whole = f"list_concat({whole}, {more})"
    return f"map_from_entries({whole})" if lists else "MAP {}::MAP(VARCHAR, VARCHAR)"


def file(connection, path):
    """The spans of a segment with the maps of the table."""
    footer = connection.execute(
        "SELECT decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) = 'clew.attributes'", [path]
    )
    layout = json.loads(footer.fetchone()[0])
    columns = ["span_and_parent_id[1:8] AS span_id", "CASE WHEN has_parent THEN span_and_parent_id[9:16] END AS parent_span_id"]
    gone = ["span_and_parent_id", "has_parent"]
    for owner, of in (("attributes", layout["span"]), ("resource_attributes", layout["resource"])):
        columns.append(f"{whole_map(owner, of)} AS {owner}")
        gone.append(owner.replace("attributes", "attribute_layout"))
        gone += [quoted(f"{owner}.{column['key']}") for column in of["columns"]]
        gone += [quoted(f"{owner}#{bucket}") for bucket in of["filled"]]
    return f"SELECT * EXCLUDE ({', '.join(gone)}), {', '.join(columns)} FROM read_parquet({literal(path)})"


def statements(text):
    """Name and text of each statement; a line `-- name` stands before each."""
    name, lines = None, []
    for line in text.splitlines():
        if line.startswith("-- "):
            if name:
                yield name, "\n".join(lines)
            name, lines = line[3:].strip(), []
        else:
            lines.append(line)
    yield name, "\n".join(lines)


def main():
    questions, data = map(pathlib.Path, sys.argv[1:])
    files = sorted(str(path) for path in data.rglob("*.spans.parquet"))
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    whole = " UNION ALL BY NAME ".join(file(connection, path) for path in files)
    connection.execute(SPANS.replace("FILES", whole))
    answers = {}
    for name, text in statements(questions.read_text()):
        cursor = connection.execute(text)
        if cursor.description and name != "setup":
            answers[name] = [list(row) for row in cursor.fetchall()]
    json.dump(answers, sys.stdout)


main()
