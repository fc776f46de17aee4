#!/usr/bin/env python3
"""Measures what tail sampling costs and writes docs/benchmarks-sampling.md from the figures.

Runs without and with it alternate, so that what else the machine does meets all of them. CPU time and memory of the server come from /proc.
Nothing but the standard library is needed.
"""

import argparse
import datetime
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

from server import ROOT, Server, add_programs, commit, find_programs, machine, table

# Thin spans, of which the wait for a decision has to hold many.
STREAM = "deathstarbench-all"
POLICIES = {
    "every trace kept": "policies:\n  - { name: all, type: always_sample }\n",
    "errors, slow ones and 10 %": """policies:
  - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
  - { name: slow, type: relative_latency, relative_latency: { factor: 2 } }
  - { name: share, type: probabilistic, probabilistic: { sampling_percentage: 10 } }
""",
}


class Bench:
    def __init__(self, options):
        self.options = options
        self.work = tempfile.mkdtemp(prefix="clew-bench-", dir=options.work)
        self.count = 0
        folder = pathlib.Path(options.corpus)
        self.stream = next(str(path) for path in sorted(folder.rglob(f"{STREAM}*.otlp.zst")))

    def server(self, policies, settings):
        """A server on an empty directory; `policies` is the text of a file, or nothing."""
        self.count += 1
        data = f"{self.work}/data-{self.count}"
        settings = {"CLEW_COMPACTION_ENABLED": "false", **settings}
        if policies:
            file = pathlib.Path(f"{data}.policies.yaml")
            file.write_text(policies)
            settings["CLEW_SAMPLING_TAIL_POLICY_FILE"] = str(file)
        return Server(self.options.clew, data, settings)

    def load(self, server, *arguments):
        command = [
            self.options.loadgen,
            "--endpoint",
            f"http://{server.addresses['otlp_grpc']}",
            "--corpus",
            self.stream,
            "--connections",
            str(self.options.connections),
            *arguments,
        ]
        answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        if answer["errors"] or answer["spans_rejected"]:
            raise SystemExit(f"{' '.join(command)}: {answer['errors']}, {answer['spans_rejected']} rejected")
        return answer

    def cost(self, policies):
        """CPU of the server until all spans are decided about and in segments, us a span."""
        settings = {
            "CLEW_STORAGE_HOT_WINDOW_SIZE": "2GiB",
            "CLEW_STORAGE_EPOCH_AGE": "5s",
            "CLEW_SAMPLING_TAIL_DECISION_WAIT": "5s",
        }
        server = self.server(policies, settings)
        before = server.cpu_seconds()
        sent = self.load(server, "--rate", str(self.options.cost_rate), "--seconds", str(self.options.seconds), "--seed", "7")
        server.wait_until_flushed()
        figures = {
            "cpu_us": (server.cpu_seconds() - before) * 1e6 / sent["spans_acknowledged"],
            "spans": sent["spans_acknowledged"],
            "stored": int(server.sql("SELECT count(*) FROM spans")[0][0]),
        }
        self.end(server)
        return figures

    def buffered(self):
        """Memory of a span that waits for its decision: how much more the process has with more of them."""
        settings = {"CLEW_STORAGE_HOT_WINDOW_SIZE": "4GiB", "CLEW_SAMPLING_TAIL_DECISION_WAIT": "1h"}
        server = self.server(POLICIES["every trace kept"], settings)
        points = []
        for _ in range(2):
            self.load(server, "--passes", str(self.options.buffered_passes))
            # What was taken for requests alone is given back after a while.
            time.sleep(self.options.rest)
            status = server.status()
            points.append((status["hot_spans"], status["hot_bytes"], server.memory_mb("VmRSS") * 1e6))
        self.end(server)
        (spans, _, resident), (spans_after, bytes_after, resident_after) = points
        return {
            "spans": spans_after,
            "accounted_bytes": bytes_after / spans_after,
            "resident_bytes": (resident_after - resident) / (spans_after - spans),
        }

    def flood(self, wait, window_mib):
        """Memory at a given rate with a given wait."""
        settings = {"CLEW_SAMPLING_TAIL_DECISION_WAIT": wait, "CLEW_COMPACTION_ENABLED": "true"}
        settings["CLEW_STORAGE_HOT_WINDOW_SIZE"] = f"{window_mib}MiB"
        settings["CLEW_STORAGE_EPOCH_SIZE"] = f"{window_mib // 4}MiB"
        server = self.server(POLICIES["errors, slow ones and 10 %"], settings)
        before = server.cpu_seconds()
        rate, seconds = str(self.options.rate), str(self.options.flood_seconds)
        sent = self.load(server, "--rate", rate, "--seconds", seconds)
        spilled_mb = server.metric("clew_tail_spilled_bytes") / 1e6
        while server.status()["hot_spans"] or server.metric("clew_tail_spilled_segments"):
            time.sleep(0.5)
        figures = {
            "spans_per_second": sent["spans_per_second"],
            "refused": sent["requests_refused_and_sent_again"],
            "latency_p99_ms": sent["latency_ms"]["p99"],
            "cpu_us": (server.cpu_seconds() - before) * 1e6 / sent["spans_acknowledged"],
            "peak_mb": server.memory_mb("VmHWM"),
            "spilled_epochs": server.metric("clew_tail_spilled_epochs_total"),
            "spilled_mb": spilled_mb,
            "early_epochs": server.metric("clew_tail_early_epochs_total"),
        }
        counted = int(float(server.sql("SELECT sum(count) FROM span_metrics")[0][0]))
        if counted != sent["spans_acknowledged"]:
            raise SystemExit(f"{sent['spans_acknowledged']} spans acknowledged, {counted} counted")
        self.end(server)
        return figures

    def end(self, server):
        server.stop()
        shutil.rmtree(server.data)

    def run(self):
        variants = {"none": None, **POLICIES}
        costs = {name: [] for name in variants}
        for _ in range(self.options.rounds):
            for name, policies in variants.items():
                costs[name].append(self.cost(policies))
        return {
            "cost": costs,
            "buffered": self.buffered(),
            "flood": {f"{window} MiB": self.flood(self.options.wait, window) for window in self.options.windows},
        }


def page(figures, options):
    cost = {name: [run["cpu_us"] for run in runs] for name, runs in figures["cost"].items()}
    base = statistics.median(cost["none"])
    costs = [
        [
            name,
            f"{statistics.median(runs):.2f}",
            f"{min(runs):.2f} to {max(runs):.2f}",
            f"{100 * (statistics.median(runs) / base - 1):+.0f} %",
            f"{100 * figures['cost'][name][0]['stored'] / figures['cost'][name][0]['spans']:.1f} %",
        ]
        for name, runs in cost.items()
    ]
    floods = [
        [
            window,
            f"{row['peak_mb']:.0f}",
            f"{row['spans_per_second']:,.0f}",
            f"{row['refused']}",
            f"{row['latency_p99_ms']:.1f}",
            f"{row['cpu_us']:.2f}",
            f"{row['spilled_epochs']:.0f}",
            f"{row['spilled_mb']:.0f}",
            f"{row['early_epochs']:.0f}",
        ]
        for window, row in figures["flood"].items()
    ]
    buffered = figures["buffered"]
    return f"""# What tail sampling costs

Written by `benches/sampling.py` from what it measured; do not edit. {datetime.date.today()}, commit {commit()}.
Machine: {machine()}. Server and load generator share the machine, and are built with the profile `{options.profile}`. The stream is `{STREAM}`, thin spans, over
OTLP/gRPC with {options.connections} connections.

```sh
CLEW_CORPUS=FOLDER scripts/bench-sampling
```

## Processor

CPU of the server, user and system, until every span is decided about and in a segment: {options.rounds} runs of each kind that take turns, {options.cost_rate:,.0f} spans/s offered for
{options.seconds:g} s, without merging.

{table(["policies", "us/span, median", "all runs", "against none", "spans stored"], costs)}

## Memory of a span that waits

{buffered['spans']:,} spans in memory. The process grows by {buffered['resident_bytes']:.0f} bytes for each more; `storage.hot_window_size` counts {buffered['accounted_bytes']:.0f}.

## Memory in all

{options.rate:,.0f} spans/s offered for {options.flood_seconds:g} s, `decision_wait` {options.wait}, the policies "errors, slow ones and 10 %", merging on. Every acknowledged span was
counted once. CPU is until everything is decided about. An epoch is a quarter of the hot window.

{table(["`storage.hot_window_size`", "peak MB", "spans/s, durable", "refused, sent again", "latency ms p99", "CPU us/span", "epochs spilled", "MB spilled at the end", "epochs decided early"], floods)}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", help="folder with the full stream")
    add_programs(parser)
    parser.add_argument("--work", default=None, help="folder for data directories; a temporary one if absent")
    parser.add_argument("--connections", type=int, default=16, help="connections of the load generator")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each kind for the cost")
    parser.add_argument("--seconds", type=float, default=15, help="length of one of them")
    parser.add_argument("--cost-rate", type=float, default=60_000, help="spans per second offered in them")
    parser.add_argument("--buffered-passes", type=int, default=8, help="passes over the stream that are held in memory, twice")
    parser.add_argument("--rest", type=float, default=10, help="seconds until memory is looked at")
    parser.add_argument("--rate", type=float, default=100_000, help="spans per second offered for the memory in all")
    parser.add_argument("--flood-seconds", type=float, default=90, help="length of these runs")
    parser.add_argument("--wait", default="30s", help="wait for the decision in them")
    parser.add_argument("--windows", type=int, nargs="*", default=[64, 96, 160], help="sizes of the hot window in them, MiB")
    parser.add_argument("--quick", action="store_true", help="cuts and short runs; writes nothing")
    parser.add_argument("--json", help="also write the figures to this file")
    options = parser.parse_args()
    find_programs(options)
    if options.quick:
        options.corpus = options.corpus or str(ROOT / "testdata/otlp")
        options.rounds, options.seconds, options.cost_rate = 1, 3, 2_000
        options.buffered_passes, options.rest = 1, 1
        options.rate, options.flood_seconds, options.wait, options.windows = 3_000, 20, "8s", [4, 160]
    elif not options.corpus:
        parser.error("--corpus names the folder of the full stream")
    bench = Bench(options)
    try:
        figures = bench.run()
    finally:
        shutil.rmtree(bench.work, ignore_errors=True)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(figures, indent=2))
    text = page(figures, options)
    if options.quick:
        print(text)
    else:
        (ROOT / "docs/benchmarks-sampling.md").write_text(text)


if __name__ == "__main__":
    main()
