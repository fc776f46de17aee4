"""One directory that grows: what a span costs, memory, and a trace by id at each size."""

import pathlib
import random

from charts import lines
from process import Process, disk_bytes
from server import table
from suite.requests import look_ups

NAME = "growth"
SIZES = [1, 2, 5, 10, 20, 50]
MILLION = 1_000_000
#: Spans of one pass over the made-up stream.
PASS = 200_000


def measure(bench):
    options = bench.options
    server = bench.server()
    process = Process(server.process.pid)
    ids, rows, total = [], [], 0
    sample = f"{bench.work}/ids"
    for size in [size for size in SIZES if size <= options.growth]:
        process.forget_peak()
        before = process.cpu_seconds()
        passes = (size * MILLION - total) // PASS
        arguments = ["--batch", "1000", "--passes", passes, "--connections", options.connections, "--rate", options.growth_rate]
        sent = bench.load(server, *arguments, "--sample-ids", sample)
        loaded_mb = process.memory_mb("VmHWM")
        server.wait_until_flushed()
        process.rest(60, window=2)
        cpu = process.cpu_seconds() - before
        added = sent["spans_acknowledged"]
        total += added
        ids += pathlib.Path(sample).read_text().split()
        chosen = random.Random(size).choices(ids, k=options.look_ups)
        process.forget_peak()
        otlp = look_ups(server, [f"/api/v3/traces/{id}" for id in chosen])
        rows.append(
            {
                "spans": total,
                "added": added,
                "spans_per_second": sent["spans_per_second"],
                "reply_p99_ms": sent["latency_ms"]["p99"],
                "cpu_us": cpu * 1e6 / added,
                "peak_mb_while_loading": loaded_mb,
                "resident_mb": process.memory_mb("VmRSS"),
                "peak_mb_while_reading": process.memory_mb("VmHWM"),
                "trace_ms": otlp,
                "segments": server.status()["segments"],
                "disk_bytes": disk_bytes(server.data) / total,
            }
        )
    server.check_count(total)
    bench.end(server)
    return {"rate": options.growth_rate, "sizes": rows}


def page(figures):
    rows = [
        [
            f"{row['spans'] / MILLION:.0f} M",
            f"{row['cpu_us']:.2f}",
            f"{row['spans_per_second']:,.0f}",
            f"{row['reply_p99_ms']:.1f}",
            f"{row['peak_mb_while_loading']:.0f}",
            f"{row['peak_mb_while_reading']:.0f}",
            f"{row['trace_ms']['p50']:.2f} / {row['trace_ms']['p99']:.2f}",
            f"{row['segments']}",
            f"{row['disk_bytes']:.1f}",
        ]
        for row in figures["sizes"]
    ]
    head = [
        "spans",
        "CPU us/span, merged",
        "spans/s, durable",
        "reply ms p99",
        "peak MB, loading",
        "peak MB, reading",
        "trace by id ms p50 / p99",
        "segments",
        "bytes a span on disk",
    ]
    return f"""## Growth

One directory with the default settings that gets made-up spans of 310 bytes at {figures['rate']:,.0f} a second in requests of 1,000. CPU is of the spans since the size before,
until the server had merged what it wanted to merge and came to rest. Traces by id are of all ages, in random order; the number of spans is checked with SQL at the end.
Bytes are those of the whole directory, with what merges have read and not removed yet.

![Cost as the directory grows](charts/benchmarks-growth.svg)

![Memory as the directory grows](charts/benchmarks-growth-memory.svg)

{table(head, rows)}
"""


def charts(figures):
    cost = [(row["spans"], [row["cpu_us"], row["trace_ms"]["p50"], row["trace_ms"]["p99"]]) for row in figures["sizes"]]
    memory = [(row["spans"], [row["peak_mb_while_loading"], row["peak_mb_while_reading"]]) for row in figures["sizes"]]
    return {
        "benchmarks-growth.svg": lines("Cost by spans stored", ["CPU us/span", "trace by id ms, p50", "trace by id ms, p99"], cost),
        "benchmarks-growth-memory.svg": lines("Peak memory by spans stored, MB", ["loading", "reading"], memory),
    }
