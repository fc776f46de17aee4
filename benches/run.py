#!/usr/bin/env python3
"""Measures a Clew server and writes docs/benchmarks.md from the figures.

It starts the server on free ports with an empty data directory on the disk of --work, drives it with clew-loadgen, and
reads CPU time and memory of the server from /proc. Nothing but the standard library is needed.
"""

import argparse
import datetime
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import tempfile
import time

from server import ROOT, Server, add_programs, commit, find_programs, fsync_ms, machine, table

STREAMS = ["nezha-trainticket-20230129", "nezha-onlineboutique-20220822", "deathstarbench-all"]


class Bench:
    def __init__(self, options):
        self.options = options
        self.work = tempfile.mkdtemp(prefix="clew-bench-", dir=options.work)
        self.count = 0

    def server(self, data=None, settings=None):
        self.count += 1
        return Server(self.options.clew, data or f"{self.work}/data-{self.count}", settings)

    def load(self, server, *arguments):
        command = [self.options.loadgen, "--endpoint", f"http://{server.addresses['otlp_grpc']}", *arguments]
        answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        if answer["errors"] or answer["spans_rejected"]:
            raise SystemExit(f"{' '.join(command)}: {answer['errors']}, {answer['spans_rejected']} rejected")
        return answer

    def stream(self, name):
        folder = pathlib.Path(self.options.corpus)
        return next(str(path) for path in sorted(folder.rglob(f"{name}*.otlp.zst")))

    def idle(self):
        """Memory of a server that has nothing to do."""
        server = self.server()
        time.sleep(self.options.seconds / 4)
        memory = server.memory_mb("VmRSS")
        server.stop()
        return {"idle_mb": memory, "empty_start_seconds": server.start_seconds}

    def stored_once(self, name):
        """One stream stored as it is: exact count, bytes on disk, peak memory."""
        path = self.stream(name)
        server = self.server(settings={"CLEW_STORAGE_EPOCH_AGE": "2s"})
        sent = self.load(server, "--corpus", path, "--as-is")
        server.wait_until_flushed()
        stored = server.sql("SELECT count(*) FROM spans")[0][0]
        if int(stored) != sent["spans_acknowledged"]:
            raise SystemExit(f"{name}: {sent['spans_acknowledged']} spans sent, {stored} stored")
        peak = server.memory_mb("VmHWM")
        server.stop()
        spans_bytes, all_bytes = segment_bytes(server.data)
        return {
            "spans": sent["spans_acknowledged"],
            "raw_bytes": sent["bytes_acknowledged"] / sent["spans_acknowledged"],
            "spans_file_bytes": spans_bytes / sent["spans_acknowledged"],
            "all_bytes": all_bytes / sent["spans_acknowledged"],
            "zstd19_bytes": zstd19(path) / sent["spans_acknowledged"] if self.options.zstd19 else None,
            "peak_mb": peak,
        }

    def ingest(self, *arguments):
        """As many spans as the server takes: durable spans per second, CPU until all is in segments, peak memory."""
        server = self.server(settings={"CLEW_STORAGE_EPOCH_AGE": "10s"})
        before = server.cpu_seconds()
        connections = str(self.options.connections)
        sent = self.load(server, *arguments, "--seconds", str(self.options.seconds), "--connections", connections)
        acknowledged = server.cpu_seconds() - before
        server.wait_until_flushed()
        flushed = server.cpu_seconds() - before
        spans = sent["spans_acknowledged"]
        figures = {
            "spans_per_second": sent["spans_per_second"],
            "megabytes_per_second": sent["megabytes_per_second"],
            "latency_ms": sent["latency_ms"],
            "refused": sent["requests_refused_and_sent_again"],
            "generator_cpu_us": sent["generator_cpu_us_per_span"],
            "cpu_us_acknowledged": acknowledged * 1e6 / spans,
            "cpu_us_flushed": flushed * 1e6 / spans,
            "peak_mb": server.memory_mb("VmHWM"),
        }
        server.stop()
        shutil.rmtree(server.data)
        return figures

    def million(self):
        """A directory of a million spans: start-up after a clean end and after a kill, trace by id."""
        server = self.server()
        ids = []
        total = 0
        passes = 0
        while total < self.options.spans:
            for name in STREAMS:
                sample = f"{self.work}/ids"
                sent = self.load(server, "--corpus", self.stream(name), "--passes", "1", "--sample-ids", sample)
                total += sent["spans_acknowledged"]
                ids += pathlib.Path(sample).read_text().split()
            passes += 1
        loaded_peak = server.memory_mb("VmHWM")
        data = server.data
        server.kill()
        after_kill = self.server(data)
        crash_start = after_kill.start_seconds
        after_kill.stop()
        starts = []
        for _ in range(5):
            server = self.server(data)
            starts.append(server.start_seconds)
            server.stop()
        server = self.server(data)
        count = int(server.sql("SELECT count(*) FROM spans")[0][0])
        if count != total:
            raise SystemExit(f"{total} spans sent, {count} stored")
        random.Random(1).shuffle(ids)
        otlp = look_ups(server, [f"/api/v3/traces/{id}" for id in ids[: self.options.look_ups]])
        skeleton = look_ups(
            server,
            [f"/api/clew/v1/traces/{id}" for id in ids[: self.options.look_ups]],
            {"accept": "application/vnd.apache.arrow.stream"},
        )
        figures = {
            "spans": total,
            "peak_mb_while_loading": loaded_peak,
            "start_seconds": statistics.median(starts),
            "start_seconds_after_kill": crash_start,
            "segments": server.status()["segments"],
            "trace_otlp_ms": otlp,
            "trace_skeleton_ms": skeleton,
            "peak_mb_while_reading": server.memory_mb("VmHWM"),
        }
        server.stop()
        return figures

    def run(self):
        figures = {"idle": self.idle(), "stored": {}, "ingest": {}}
        for name in STREAMS:
            figures["stored"][name] = self.stored_once(name)
        synthetic = ["--batch", "1000"]
        for name in STREAMS:
            figures["ingest"][name] = self.ingest("--corpus", self.stream(name))
        figures["ingest"]["made-up, 310 bytes a span"] = self.ingest(*synthetic)
        figures["million"] = self.million()
        return figures


def look_ups(server, paths, headers=None):
    """Milliseconds of one request after the other on one connection, as the client sees them."""
    connection = server.connect()
    times = []
    for path in paths:
        started = time.perf_counter()
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        answer.read()
        times.append((time.perf_counter() - started) * 1e3)
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status}")
    connection.close()
    times.sort()
    return {"count": len(times), "p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100], "max": times[-1]}


def segment_bytes(data):
    """Bytes of the `spans` files and of all files of the segments."""
    spans = everything = 0
    for path in pathlib.Path(data).rglob("segments/**/*"):
        if path.is_file():
            everything += path.stat().st_size
            if path.name.endswith(".spans.parquet"):
                spans += path.stat().st_size
    return spans, everything


def zstd19(path):
    raw = subprocess.Popen(["zstd", "-dc", path], stdout=subprocess.PIPE)
    packed = subprocess.Popen(["zstd", "-19", "-c"], stdin=raw.stdout, stdout=subprocess.PIPE)
    size = 0
    while block := packed.stdout.read(1 << 20):
        size += len(block)
    return size


def page(figures, options, disk_ms):
    stored = [
        [
            name,
            f"{row['spans']:,}",
            f"{row['raw_bytes']:.0f}",
            f"{row['zstd19_bytes']:.1f}" if row["zstd19_bytes"] else "not measured",
            f"{row['spans_file_bytes']:.1f}",
            f"{row['all_bytes']:.1f}",
            f"{row['peak_mb']:.0f}",
        ]
        for name, row in figures["stored"].items()
    ]
    ingest = [
        [
            name,
            f"{row['spans_per_second']:,.0f}",
            f"{row['megabytes_per_second']:.0f}",
            f"{row['latency_ms']['p50']:.1f} / {row['latency_ms']['p99']:.1f}",
            f"{row['cpu_us_acknowledged']:.2f}",
            f"{row['cpu_us_flushed']:.2f}",
            f"{row['generator_cpu_us']:.2f}",
            f"{row['peak_mb']:.0f}",
            f"{row['refused']}",
        ]
        for name, row in figures["ingest"].items()
    ]
    million = figures["million"]
    reads = [
        [label, f"{row['count']:,}", f"{row['p50']:.2f}", f"{row['p99']:.2f}", f"{row['max']:.2f}"]
        for label, row in [
            ("OTLP JSON, `/api/v3/traces/{id}`", million["trace_otlp_ms"]),
            ("skeleton in Arrow, `/api/clew/v1/traces/{id}`", million["trace_skeleton_ms"]),
        ]
    ]
    return f"""# Benchmarks

Written by `benches/run.py` from what it measured; do not edit. {datetime.date.today()}, commit {commit()}.
Machine: {machine()}; an fdatasync of 256 KiB takes {disk_ms:.1f} ms (median) on the disk of the data directory.
Server and load generator share the machine, and are built with the profile `{options.profile}`. Every acknowledged span was on stable storage before its acknowledgement.

```sh
CLEW_CORPUS=FOLDER {"" if options.profile == "release" else f"CLEW_BENCH_PROFILE={options.profile} "}scripts/bench --seconds {options.seconds:g} --connections {options.connections}{" --zstd19" if options.zstd19 else ""}
```

## Ingest

OTLP over gRPC without compression, as fast as the server takes it, for {options.seconds:g} s with {options.connections} connections; every pass over a
stream gets fresh ids and times. CPU is that of the server, user and system, until the last acknowledgement, and until everything lay in
segments. Latency is that of a request, of the size that the stream has.

{table(["stream", "spans/s, durable", "MB/s", "latency ms p50 / p99", "CPU us/span, acknowledged", "CPU us/span, in segments", "generator us/span", "peak MB", "refused, sent again"], ingest)}

## Disk and memory

Each stream stored once as it is, the count checked with SQL. Bytes are per span.

{table(["stream", "spans", "as sent", "zstd -19 of the stream", "`spans` files", "with `traces` and indexes", "peak MB"], stored)}

## Start-up and look-up

A data directory of {million['spans']:,} spans in {million['segments']} segments. Start-up is from the start of the process until `/health/ready` says yes.

| what | figure |
|---|--:|
| start-up after a clean end, median of 5 | {million['start_seconds'] * 1e3:.0f} ms |
| start-up after a kill -9 under the end of the load | {million['start_seconds_after_kill'] * 1e3:.0f} ms |
| start-up, empty directory | {figures['idle']['empty_start_seconds'] * 1e3:.0f} ms |
| memory, idle | {figures['idle']['idle_mb']:.0f} MB |
| peak memory while loading | {million['peak_mb_while_loading']:.0f} MB |
| peak memory while reading | {million['peak_mb_while_reading']:.0f} MB |

Traces by id, of all ages in random order, one after the other on one connection, as the client sees them:

{table(["answer", "traces", "p50 ms", "p99 ms", "max ms"], reads)}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", help="folder with the three full streams")
    add_programs(parser)
    parser.add_argument("--work", default=None, help="folder for data directories; a temporary one if absent")
    parser.add_argument("--seconds", type=float, default=20, help="length of an ingest run")
    parser.add_argument("--connections", type=int, default=16, help="connections of the load generator")
    parser.add_argument("--spans", type=int, default=1_000_000, help="spans of the large directory, at least")
    parser.add_argument("--look-ups", type=int, default=1_000, help="traces to read by id")
    parser.add_argument("--zstd19", action="store_true", help="also pack the raw streams with zstd -19; takes minutes")
    parser.add_argument("--quick", action="store_true", help="cuts and short runs; writes nothing")
    parser.add_argument("--json", help="also write the figures to this file")
    options = parser.parse_args()
    find_programs(options)
    if options.quick:
        options.corpus = str(ROOT / "testdata/otlp")
        options.seconds, options.spans, options.look_ups = 2, 100_000, 100
    elif not options.corpus:
        parser.error("--corpus names the folder of the full streams")
    bench = Bench(options)
    try:
        disk_ms = fsync_ms(bench.work)
        figures = bench.run()
    finally:
        shutil.rmtree(bench.work, ignore_errors=True)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(figures, indent=2))
    text = page(figures, options, disk_ms)
    if options.quick:
        print(text)
    else:
        (ROOT / "docs").mkdir(exist_ok=True)
        (ROOT / "docs/benchmarks.md").write_text(text)


if __name__ == "__main__":
    main()
