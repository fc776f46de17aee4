"""A directory of a million spans: start-up after a clean end and after a kill, trace by id."""

import pathlib
import random
import shutil
import statistics

from server import table
from suite.bench import CORPORA
from suite.requests import look_ups

NAME = "reads"


def measure(bench):
    server, total, ids = loaded(bench)
    peak = server.memory_mb("VmHWM")
    data = server.data
    server.kill()
    after_kill = bench.server(data)
    crash_start = after_kill.start_seconds
    after_kill.stop()
    starts = []
    for _ in range(5):
        server = bench.server(data)
        starts.append(server.start_seconds)
        server.stop()
    server = bench.server(data)
    server.check_count(total)
    random.Random(1).shuffle(ids)
    ids = ids[: bench.options.look_ups]
    arrow = {"accept": "application/vnd.apache.arrow.stream"}
    figures = {
        "spans": total,
        "peak_mb_while_loading": peak,
        "start_seconds": statistics.median(starts),
        "start_seconds_after_kill": crash_start,
        "segments": server.status()["segments"],
        "trace_otlp_ms": look_ups(server, [f"/api/v3/traces/{id}" for id in ids]),
        "trace_skeleton_ms": look_ups(server, [f"/api/clew/v1/traces/{id}" for id in ids], arrow),
        "peak_mb_while_reading": server.memory_mb("VmHWM"),
    }
    server.stop()
    shutil.rmtree(data)
    return figures


def loaded(bench):
    """A server with at least so many spans of all corpora, their number, and ids of traces of all ages."""
    server = bench.server()
    ids, total = [], 0
    sample = f"{bench.work}/ids"
    while total < bench.options.spans:
        for name in CORPORA:
            sent = bench.load(server, "--corpus", bench.path(name), "--passes", 1, "--sample-ids", sample)
            total += sent["spans_acknowledged"]
            ids += pathlib.Path(sample).read_text().split()
    return server, total, ids


def page(figures):
    rows = [
        [label, f"{row['count']:,}", f"{row['p50']:.2f}", f"{row['p99']:.2f}", f"{row['max']:.2f}"]
        for label, row in [
            ("OTLP JSON, `/api/v3/traces/{id}`", figures["trace_otlp_ms"]),
            ("skeleton in Arrow, `/api/clew/v1/traces/{id}`", figures["trace_skeleton_ms"]),
        ]
    ]
    return f"""## Start-up and look-up

A data directory of {figures['spans']:,} spans in {figures['segments']} segments. Start-up is from the start of the process until `/health/ready` says yes.

| what | figure |
|---|--:|
| start-up after a clean end, median of 5 | {figures['start_seconds'] * 1e3:.0f} ms |
| start-up after a kill -9 under the end of the load | {figures['start_seconds_after_kill'] * 1e3:.0f} ms |
| peak memory while loading | {figures['peak_mb_while_loading']:.0f} MB |
| peak memory while reading | {figures['peak_mb_while_reading']:.0f} MB |

Traces by id, of all ages in random order, one after the other on one connection, as the client sees them:

{table(["answer", "traces", "p50 ms", "p99 ms", "max ms"], rows)}
"""


def charts(figures):
    return {}
