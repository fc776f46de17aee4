"""Questions while spans come in, beside the same questions to a server that gets none, and the same load without questions."""

import json
import random
import tempfile
import threading
import time

from server import table
from suite.bench import percentiles
from suite.requests import timed

NAME = "mixed"
#: Pause after each question, seconds: one person's pages, not a second load.
PAUSE = 0.05
SQL = "SELECT service_name, count(*), approx_percentile_cont(duration_ns, 0.99) FROM spans GROUP BY service_name"
LOAD = ["--batch", "1000"]


def questions(ids):
    """Kinds of question: method, path and body, made anew each time."""
    dice = random.Random(1)
    service = lambda: f"service-{dice.randrange(20)}"
    return {
        "trace by id": lambda: ("GET", f"/api/v3/traces/{dice.choice(ids)}", None),
        "newest 20 traces of a service": lambda: ("GET", f"/api/clew/v1/search?service={service()}&limit=20", None),
        "traces of an attribute": lambda: ("GET", f"/api/clew/v1/search?q=client.address=10.{dice.randrange(256)}.{dice.randrange(256)}.7&limit=20", None),
        "SQL, p99 by service over everything": lambda: ("POST", "/api/sql", json.dumps({"query": SQL})),
    }


def ask(server, ids, until):
    """Asks in turn until `until` is set; times by kind."""
    kinds = questions(ids)
    times = {name: [] for name in kinds}
    connection = server.connect()
    while not until.is_set():
        for name, make in kinds.items():
            method, path, body = make()
            times[name].append(timed(connection, method, path, body, {"content-type": "application/json"}))
            time.sleep(PAUSE)
    connection.close()
    return {name: percentiles(found) for name, found in times.items()}


def measure(bench):
    options = bench.options
    rate = options.mixed_rate
    with tempfile.NamedTemporaryFile("r") as sample:
        server = bench.server()
        loaded = bench.load(server, *LOAD, "--passes", options.spans // 200_000 or 1, "--sample-ids", sample.name)
        ids = sample.read().split()
    server.wait_until_flushed()
    time.sleep(options.seconds / 4)
    ended = threading.Event()
    threading.Timer(options.seconds, ended.set).start()
    quiet = ask(server, ids, ended)
    limits = ["--rate", rate, "--seconds", options.seconds, "--connections", 64]
    alone = bench.load(server, *LOAD, *limits)
    server.wait_until_flushed()
    process = bench.load_beside(server, *LOAD, *limits)
    ended = threading.Event()
    threading.Thread(target=lambda: (process.wait(), ended.set()), daemon=True).start()
    busy = ask(server, ids, ended)
    sent = bench.finished(process)
    figures = {
        "loaded": loaded["spans_acknowledged"],
        "seconds": options.seconds,
        "offered": rate,
        "alone": {"spans_per_second": alone["spans_per_second"], "latency_ms": alone["latency_ms"]},
        "beside": {"spans_per_second": sent["spans_per_second"], "latency_ms": sent["latency_ms"]},
        "questions_alone": quiet,
        "questions_beside": busy,
        "peak_mb": server.memory_mb("VmHWM"),
    }
    bench.end(server)
    return figures


def page(figures):
    asked = [
        [
            name,
            f"{quiet['p50']:.1f} / {quiet['p99']:.1f}",
            f"{busy['p50']:.1f} / {busy['p99']:.1f}",
            f"{quiet['count']} / {busy['count']}",
        ]
        for (name, quiet), busy in zip(figures["questions_alone"].items(), figures["questions_beside"].values())
    ]
    sent = [
        [label, f"{row['spans_per_second']:,.0f}", *(f"{row['latency_ms'][key]:.1f}" for key in ("p50", "p99", "max"))]
        for label, row in [("nobody asks", figures["alone"]), ("with questions", figures["beside"])]
    ]
    return f"""## Spans and questions at once

A directory of {figures['loaded']:,} made-up spans of 310 bytes; then {figures['offered']:,.0f} spans/s in requests of 1,000, open loop, for {figures['seconds']:g} s, and one
client that asks one question after the other with {PAUSE * 1e3:.0f} ms between them. Peak memory {figures['peak_mb']:.0f} MB.

{table(["question", "no spans come, ms p50 / p99", "while spans come, ms p50 / p99", "asked"], asked)}

{table(["spans", "spans/s, durable", "reply ms p50", "p99", "max"], sent)}
"""


def charts(figures):
    return {}
