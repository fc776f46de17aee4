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
FROM read_parquet(?)
"""


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
    connection.execute(SPANS.replace("?", str(files)))
    answers = {}
    for name, text in statements(questions.read_text()):
        cursor = connection.execute(text)
        if cursor.description and name != "setup":
            answers[name] = [list(row) for row in cursor.fetchall()]
    json.dump(answers, sys.stdout)


main()
