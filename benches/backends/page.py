"""docs/benchmarks-peers.md and its charts, from docs/benchmarks-peers.json."""

from charts import bars
from server import table

PAGE = "benchmarks-peers"
CHARTS = {
    "spans-per-second": ("Spans a second, answered", "spans_per_second", lambda row: row["spans_per_second"]),
    "cpu": ("CPU a span until it came to rest, us", "cpu", lambda row: row["cpu_us_done"]),
    "memory": ("Peak memory at full load, MB", "memory", lambda row: row["peak_mb"]),
    "disk": ("Bytes a span on disk", "disk", lambda row: row["disk_bytes"] / row["spans"]),
}


def charts(document):
    """File name and SVG text of each chart: one figure of all backends, a bar for each stream."""
    streams = [name for name in document["streams"]]
    backends = list(dict.fromkeys(name for stream in document["streams"].values() for name in stream["backends"]))
    made = {}
    for file, (title, _, value) in CHARTS.items():
        rows = []
        for name in backends:
            found = [document["streams"][stream]["backends"].get(name) for stream in streams]
            rows.append((name, [value(row) if row else None for row in found]))
        made[f"{PAGE}-{file}.svg"] = bars(title, streams, rows)
    return made


def share(part):
    return f"{part['shown']} of {part['asked']}" if part and "shown" in part else "not measured"


def stream_table(stream):
    base = stream["backends"].get("Clew")
    rows = []
    for name, row in stream["backends"].items():
        per_span = row["disk_bytes"] / row["spans"]
        lost = f", {row['dropped']:,.0f} dropped after it" if row["dropped"] else ""
        lost += f", {sum(row['errors'].values()):,} requests failed" if row["errors"] else ""
        rows.append(
            [
                name,
                f"{row['spans_per_second']:,.0f}{lost}",
                f"{row['latency_ms']['p50']:.1f} / {row['latency_ms']['p99']:.1f}",
                f"{row['cpu_us_answered']:.1f}",
                f"{row['cpu_us_done']:.1f}{'' if row['came_to_rest'] else ' and more'}",
                f"{row['cpu_us_done'] / base['cpu_us_done']:.1f}" if base else "",
                f"{row['peak_mb']:,.0f} ({row['peak_anonymous_mb']:,.0f})",
                f"{per_span:.0f}",
                share(row["found"]),
                share(row.get("after_kill")),
                f"{row['others_cores']:.2f}",
            ]
        )
    head = [
        "backend",
        "spans/s, answered",
        "reply ms p50 / p99",
        "CPU us/span, answered",
        "CPU us/span, at rest",
        "times Clew's",
        "peak MB (anonymous)",
        "bytes a span",
        "traces found",
        "found after kill -9",
        "cores that others used",
    ]
    return table(head, rows)


def backends_table(document):
    seen = {}
    for stream in document["streams"].values():
        for name, row in stream["backends"].items():
            seen.setdefault(name, row)
    rows = [[name, row["version"], row["durable"], row["remark"]] for name, row in seen.items()]
    head = "| backend | version | on stable storage at the reply | how to read its figures |\n|---|---|---|---|\n"
    return head + "\n".join("| " + " | ".join(row) + " |" for row in rows), seen


def page(document):
    overview, seen = backends_table(document)
    parts = []
    for name, stream in document["streams"].items():
        parts.append(
            f"## {name}\n\nMeasured {stream['date']} on {stream['machine']}; Clew of commit {stream['commit']}. "
            f"{stream['seconds']:g} s at full load, {stream['connections']} connections.\n\n{stream_table(stream)}\n"
        )
    pictures = "\n".join(f"![{title}](charts/{PAGE}-{file}.svg)\n" for file, (title, _, _) in CHARTS.items())
    settings = "\n".join(f"### {name}\n\n```yaml\n{row['settings']}\n```\n" for name, row in seen.items() if row["settings"])
    return f"""# Beside other backends

Written by `benches/peers.py` from `benchmarks-peers.json`, which holds what it measured; do not edit. How to repeat it: [benches/peers.md](../benches/peers.md).

One backend after the other on the same machine, each on an empty folder, with the same load generator on the same cores and the same stream, whose ids and
times are fresh in each pass. OTLP over gRPC unless it says otherwise, without compression, every connection with one request under way, as fast as
the backend answers.

- *CPU* is that of the backend, user and system, until the last reply, and until it used less than 5 % of a core for 3 s, which is when it has written, merged
  and indexed what it was sent ("and more": it did not come to rest in the time that it got).
- *Peak MB* is the peak of the resident memory; in brackets, of the memory that is no mapped file.
- *Bytes a span* are those of its whole data folder after it was ended, started again and ended once more, without holes.
- *Traces found* are acknowledged ones, spread over the run, that its own API shows afterwards, with all their spans on the made-up streams.
- *Found after kill -9*: a run of 3 s with 2 connections, SIGKILL with the last reply, a new start, and the same question. A kill leaves the page cache
  as it is, so a backend that writes without syncing loses nothing here that it would lose when the power fails.

- *Cores that others used*: what else worked on the machine during the load, in cores. Where it is not near 0 the spans a second and the replies say
  little; CPU, bytes and traces found still do.

{pictures}
## What a reply means

{overview}

{chr(10).join(parts)}
## Settings

{settings}"""
