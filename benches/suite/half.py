"""Replies while the server has half of what it can take, on a fixed schedule."""

from charts import bars
from server import table

NAME = "half"


def measure(bench):
    options = bench.options
    rows = {}
    for name, arguments in bench.streams().items():
        full = bench.ingest(*arguments, "--seconds", options.seconds / 2, "--connections", options.connections)
        rate = full["spans_per_second"] / 2
        row = bench.ingest(*arguments, "--seconds", options.seconds, "--connections", 64, "--rate", rate)
        rows[name] = {"full": full["spans_per_second"], "offered": rate, **row}
    return {"seconds": options.seconds, "streams": rows}


def page(figures):
    rows = [
        [
            name,
            f"{row['full']:,.0f}",
            f"{row['offered']:,.0f}",
            f"{row['spans_per_second']:,.0f}",
            *(f"{row['latency_ms'][key]:.1f}" for key in ("p50", "p90", "p99", "max")),
            f"{row['cpu_us_flushed']:.2f}",
            f"{row['peak_mb']:.0f}",
            f"{row['refused']}",
        ]
        for name, row in figures["streams"].items()
    ]
    head = [
        "stream",
        "spans/s at full load",
        "offered",
        "taken",
        "reply ms p50",
        "p90",
        "p99",
        "max",
        "CPU us/span, in segments",
        "peak MB",
        "refused, sent again",
    ]
    return f"""## Replies at half of the full load

Full load is measured first; then half of it is offered for {figures['seconds']:g} s, each request at its place in a fixed schedule (open loop) over up to 64 connections.
A reply's time counts from when its request was due, so a pause of the server is in all replies that it delays.

![Replies at half load](charts/benchmarks-half.svg)

{table(head, rows)}
"""


def charts(figures):
    rows = [(name, [row["latency_ms"]["p50"], row["latency_ms"]["p99"]]) for name, row in figures["streams"].items()]
    return {"benchmarks-half.svg": bars("Reply at half of the full load, ms", ["p50", "p99"], rows)}
