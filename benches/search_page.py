"""docs/benchmarks-search.md from the figures of search.py."""

import datetime

import jaeger
import searches
from server import commit, machine, table

ENGINES = {"clew": "Clew", "duckdb": "DuckDB", "clickhouse": "ClickHouse"}


def page(figures, options):
    loaded, versions = figures["loaded"], figures["versions"]
    spans = loaded["spans"]
    return f"""# Benchmarks of search and SQL

Written by `benches/search.py` from what it measured; do not edit. {datetime.date.today()}, commit {commit()}.
Machine: {machine()}; an fdatasync of 256 KiB takes {figures['disk_ms']:.1f} ms (median) on the disk of the data directory.
{versions['clew']}, built with the profile `{options.profile}` and with its default settings; {versions['duckdb']}; {versions['clickhouse']}.
All with 2 threads a query{"" if options.threads == 2 else f" (the other two with {options.threads})"}, one query at a time, on the same machine, by turns in one run.

```sh
{command(options)}
```

## Data

The data set of Jaeger's published benchmark of its ClickHouse storage, made as a stream of 200,000 spans that is repeated with other ids and times: traces of {jaeger.TRACE_SPANS} spans over {jaeger.SERVICES} services, {jaeger.ATTRIBUTES}
attributes a span from {jaeger.KEYS} keys with {jaeger.VALUES:,} values each. Nothing is rare in it and no span has an event, so one trace in a thousand is
an incident: it has a value that no other trace has, an exception, attributes of its resource, and in every tenth one operation is called nine times.
All {spans:,} spans were sent over OTLP, the last ones {age(loaded)} after the first.

| | |
|---|--:|
| spans, traces | {spans:,}, {spans // jaeger.TRACE_SPANS:,} |
| segments | {loaded['segments']} |
| on disk, bytes a span | {loaded['bytes'] / spans:.1f} |
| the same rows in ClickHouse's table, bytes a span | {loaded['clickhouse']['bytes'] / spans:.1f} |
| sent and acknowledged in | {loaded['load_seconds']:.0f} s, {spans / loaded['load_seconds']:,.0f} spans/s |
| CPU of the server, us a span, all in segments | {loaded['cpu_seconds'] * 1e6 / spans:.1f} |
| peak memory of the server while loading | {loaded['peak_mb']:.0f} MB |

## Search

The {searches.LIMIT} newest traces in which one span meets the condition, over HTTP on one connection, as the client sees them, each request with other
values; look-ups of one trace; names. *Warm*: {options.warm} requests to a running server. {cold_text(figures, options)} *All counted*: the same search when it also
counts all matching traces (median of {options.counted}). CPU is that of the server for a warm request. DuckDB and ClickHouse: median of the same {options.counted} searches, answered in their
own process, without HTTP and without the summaries of the traces. {checked(figures)}
Targets are for the 99th percentile; a mark for warm, and one for cold.{completed(figures)}

{table(["search", "found", "warm ms p50 / p99", "cold ms p50 / p99", "target ms", "warm, cold", "CPU ms", "all counted ms", "DuckDB ms", "ClickHouse ms"], [search_row(*item) for item in figures["searches"].items()])}

## SQL

The questions of [sql.md](sql.md#questions), with names of this data set. Clew answers over HTTP, the others in their own process: DuckDB over the same
segment files, ClickHouse from a MergeTree table like that of OpenTelemetry's exporter (ordered by service, name and time, with Bloom filters on trace ids
and attributes). *Warm*: median of at most {options.rounds} rounds after one that is not counted. *Cold*: one run, prepared like a cold search.
The statements of the others are in `benches/questions`, each written as is quickest there. Target: at least as fast as DuckDB.

{table(["question", "Clew ms", "DuckDB ms", "ClickHouse ms", "DuckDB / Clew", "warm, cold", "CPU ms", "cold ms: Clew, DuckDB, ClickHouse", "answers"], [question_row(*item) for item in figures["questions"].items()])}
"""


def command(options):
    parts = ["make bench-search" if options.profile == "dist" else f"CLEW_BENCH_PROFILE={options.profile} make bench-search"]
    defaults = {"spans": 10_000_000, "warm": 200, "cold": 20, "counted": 5, "rounds": 5, "sql_seconds": 10, "threads": 2, "evict": "auto"}
    changed = [f"--{name.replace('_', '-')} {getattr(options, name)}" for name in defaults if getattr(options, name) != defaults[name]]
    if options.data:
        changed.append("--data FOLDER")
    return parts[0] + (f" ARGUMENTS=\"{' '.join(changed)}\"" if changed else "")


def age(loaded):
    earliest, latest = loaded["start_time"]
    return f"{(latest - earliest) / 1e9:.0f} s"


def cold_text(figures, options):
    if not options.cold:
        return "Nothing was measured cold."
    how = {
        "machine": "the whole page cache of the machine was dropped, programs included",
        "data": "the files of the data directory were taken out of the page cache; programs stayed there, as dropping all needs root or was not wanted",
    }[figures["evicted"]]
    return f"*Cold*: {options.cold} requests of each kind, before each of which the server was restarted and {how}."


def checked(figures):
    compared = [of["warm"]["differences"] for of in figures["searches"].values() if "differences" in of["warm"]]
    wrong = [difference for differences in compared for difference in differences if difference]
    if wrong:
        return f"**{len(wrong)} of {sum(map(len, compared))} answers that were compared with DuckDB's differ.**"
    return f"{sum(map(len, compared))} answers, traces in their order and the total, were compared with DuckDB's: all are the same."


def completed(figures):
    """How long completion took at first, if that was measured."""
    times = [of["warm"]["complete_after_seconds"] or 0 for of in figures["searches"].values()]
    if not any(times):
        return ""
    return f"\nCompletion answered with what it knew until it had read all segments, {max(times):.0f} s after it was first asked; warm is after that."


def mark(met):
    return "met" if met else "**missed**"


def marks(*met):
    return ", ".join("not measured" if one is None else mark(one) for one in met)


def milliseconds(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def pair(of):
    return f"{milliseconds(of['p50'])} / {milliseconds(of['p99'])}" if of else "not measured"


def elsewhere(of):
    if of is None:
        return ""
    return "failed" if "error" in of else milliseconds(of["p50"])


def search_row(name, of):
    warm, cold, target = of["warm"], of.get("cold"), of["target_ms"]
    return [
        name,
        "" if warm["found"] is None else f"{warm['found']:.1f}",
        pair(warm),
        pair(cold),
        f"{target}" if target else "",
        marks(warm["p99"] <= target, cold and cold["p99"] <= target) if target else "",
        f"{warm['cpu_ms']:.1f}",
        milliseconds(warm["counted"]["p50"]) if "counted" in warm else "",
        elsewhere(warm.get("duckdb")),
        elsewhere(warm.get("clickhouse")),
    ]


def question_row(number, of):
    warm, cold = of["warm"], of.get("cold")
    clew, duckdb = warm["clew"].get("p50"), warm["duckdb"].get("p50")
    as_fast = faster(clew, duckdb)
    cold_as_fast = faster(cold["clew"], cold["duckdb"]) if cold else None
    return [
        f"{number}. {of['title']}",
        *(elsewhere(warm[name]) for name in ENGINES),
        f"{duckdb / clew:.2f}" if clew and duckdb else "",
        marks(as_fast, cold_as_fast),
        f"{warm['clew']['cpu_ms']:,.0f}" if clew else "",
        ", ".join(milliseconds(cold[name]) if cold[name] else "failed" for name in ENGINES) if cold else "not measured",
        answers(warm),
    ]


def faster(clew, other):
    """Clew is at least as fast; None when neither answered."""
    if not clew and not other:
        return None
    return bool(clew) and (not other or clew <= other)


def answers(warm):
    """Whether all engines gave the same answer, and what failed."""
    notes = []
    for name, title in ENGINES.items():
        of = warm[name]
        if "error" in of:
            notes.append(f"{title}: {of['error'].splitlines()[0][:120]}".replace("|", "\\|"))
        elif of.get("difference"):
            notes.append(f"**{title} differs**: {of['difference'][:120]}".replace("|", "\\|"))
    return "; ".join(notes) or f"the same, {warm['clew']['rows']} rows"
