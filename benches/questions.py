"""The questions of docs/sql.md, with the names and figures of the benchmark's data set, and the same for the other engines."""

import datetime
import re

from server import ROOT

#: Durations occur several times in this data set, which repeats a stream with other ids and times.
TIED = ("ORDER BY duration_ns DESC\n", "ORDER BY duration_ns DESC, trace_id\n")
#: What is replaced in the documented statements, so that they find something in this data set, and the same in every engine.
REPLACED = {
    "5": [TIED, ("ORDER BY slowest.duration_ns DESC", "ORDER BY slowest.duration_ns DESC, trace_id")],
    "6": [("183142dc9ff70766bbd1fbd70b763303", "TRACE")],
    "7": [("'user.id'", "'attribute.7'"), ("user-3258", "value-325")],
    "8": [("attributes['http.status_code']", "substr(attributes['attribute.8'], 7)"), (">= 400", ">= 900")],
    "9": [("'user.id'", "'attribute.5'")],
    "11": [(">= 10", ">= 3")],
    "16": [("place order", "operation-1"), ("enqueue shipment", "operation-2")],
    "17": [("'payment'", "'service-3'"), ("'shipping'", "'service-7'"), ("200000000", "990000000"), TIED],
}
#: Columns that are approximate in every engine, and how far off they may be.
APPROXIMATE = {("12", 3): 0.1, ("13", 5): 0.1}
#: ClickHouse rounds what it interpolates; sums of floating-point numbers depend on their order.
ROUNDED = 1e-6


def documented():
    """Number to title and statement; a second statement of a question has a `b` behind its number."""
    _, text = (ROOT / "docs/sql.md").read_text().split("\n## Questions\n")
    questions = {}
    for section in text.split("\n### ")[1:]:
        number, title = section.split("\n", 1)[0].split(". ", 1)
        for block, letter in zip(re.findall(r"```sql\n(.*?)```", section, re.S), ["", "b", "c"]):
            questions[number + letter] = (title, adapted(number, block.strip().rstrip(";")))
    return questions


def adapted(number, statement):
    for old, new in REPLACED.get(number, []):
        if old not in statement:
            raise SystemExit(f"question {number} of docs/sql.md does not contain {old} any more; see benches/questions.py")
        statement = statement.replace(old, new)
    return statement


def of_engine(name):
    """Number to statement, for `duckdb` or `clickhouse`."""
    text = (ROOT / f"benches/questions/{name}.sql").read_text()
    parts = re.split(r"^-- (\w+)\n", text, flags=re.M)[1:]
    return dict(zip(parts[::2], (part.strip() for part in parts[1::2])))


def rows_of(answer):
    """The rows of a JSON answer of Clew, as the other engines give them: times in nanoseconds, large integers as numbers."""
    is_time = [column["type"].startswith("timestamp") for column in answer["columns"]]
    return [[cell(value, time) for value, time in zip(row, is_time)] for row in answer["rows"]]


def cell(value, is_time):
    if not isinstance(value, str):
        return value
    if is_time:
        return nanoseconds(value)
    return int(value) if re.fullmatch(r"-?\d{16,19}", value) else value


def nanoseconds(text):
    whole, _, fraction = text.rstrip("Z").partition(".")
    seconds = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc).timestamp()
    return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0") or 0)


def difference(number, found, expected):
    """Where two answers differ, as text; None where they do not."""
    if len(found) != len(expected):
        return f"{len(found)} rows, not {len(expected)}"
    for row, (left, right) in enumerate(zip(found, expected)):
        for column, pair in enumerate(zip(left, right)):
            if not close(*pair, APPROXIMATE.get((number, column), ROUNDED)):
                return f"row {row + 1}, column {column + 1}: {pair[0]} is not {pair[1]}"
    return None


def close(left, right, share):
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        if isinstance(left, int) and isinstance(right, int) and share == ROUNDED:
            return left == right
        return abs(left - right) <= share * abs(right)
    return left == right
