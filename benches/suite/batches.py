"""Durable replies by number of connections and size of a request."""

from charts import bars
from server import table

NAME = "batches"
CONNECTIONS = [1, 8, 64]
BATCHES = [1, 100, 1_000, 8_000]


def measure(bench):
    seconds = bench.options.seconds / 2
    cells = []
    for batch in BATCHES:
        for connections in CONNECTIONS:
            row = bench.ingest("--batch", batch, "--connections", connections, "--seconds", seconds)
            cells.append({"batch": batch, "connections": connections, **row})
    return {"seconds": seconds, "cells": cells}


def page(figures):
    rows = [
        [
            f"{cell['batch']:,}",
            f"{cell['connections']}",
            f"{cell['spans_per_second']:,.0f}",
            f"{cell['spans_per_second'] / cell['batch']:,.0f}",
            f"{cell['latency_ms']['p50']:.2f} / {cell['latency_ms']['p99']:.2f}",
            f"{cell['cpu_us_flushed']:.2f}",
            f"{cell['generator_cpu_us']:.2f}",
            f"{cell['peak_mb']:.0f}",
            f"{cell['refused']}",
        ]
        for cell in figures["cells"]
    ]
    head = [
        "spans a request",
        "connections",
        "spans/s, durable",
        "requests/s",
        "reply ms p50 / p99",
        "CPU us/span, in segments",
        "generator us/span",
        "peak MB",
        "refused, sent again",
    ]
    return f"""## Connections and sizes of requests

Made-up spans of 310 bytes, {figures['seconds']:g} s for each row on a fresh directory; every connection has one request under way and sends the next one
when that is durable. Small requests pay for the protocol, not for their spans.

![Durable spans a second](charts/benchmarks-batches.svg)

{table(head, rows)}
"""


def charts(figures):
    rows = []
    for batch in BATCHES:
        cells = [cell for cell in figures["cells"] if cell["batch"] == batch]
        rows.append((f"{batch:,} a request", [cell["spans_per_second"] for cell in cells]))
    names = ["1 connection", *(f"{count} connections" for count in CONNECTIONS[1:])]
    return {"benchmarks-batches.svg": bars("Durable spans a second", names, rows)}
