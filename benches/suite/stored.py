"""Each stream stored once: exact count, bytes on disk, peak memory."""

import pathlib
import shutil
import subprocess

from charts import bars
from server import table
from suite.bench import CORPORA, MADE_UP

NAME = "stored"


def measure(bench):
    rows = {name: stored(bench, ["--corpus", bench.path(name), "--as-is"], bench.path(name)) for name in CORPORA}
    passes = max(1, bench.options.spans // 200_000)
    for name, arguments in MADE_UP.items():
        rows[name] = stored(bench, [*arguments, "--batch", "1000", "--passes", passes])
    return rows


def stored(bench, arguments, path=None):
    server = bench.server(settings={"CLEW_STORAGE_EPOCH_AGE": "2s"})
    before = server.cpu_seconds()
    sent = bench.load(server, *arguments)
    server.wait_until_flushed()
    cpu = server.cpu_seconds() - before
    spans = sent["spans_acknowledged"]
    server.check_count(spans)
    peak = server.memory_mb("VmHWM")
    server.stop()
    spans_bytes, all_bytes = segment_bytes(server.data)
    shutil.rmtree(server.data)
    return {
        "spans": spans,
        "raw_bytes": sent["bytes_acknowledged"] / spans,
        "spans_file_bytes": spans_bytes / spans,
        "all_bytes": all_bytes / spans,
        "zstd19_bytes": zstd19(path) / spans if path and bench.options.zstd19 else None,
        "cpu_us": cpu * 1e6 / spans,
        "peak_mb": peak,
    }


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


def page(figures):
    rows = [
        [
            name,
            f"{row['spans']:,}",
            f"{row['raw_bytes']:.0f}",
            f"{row['zstd19_bytes']:.1f}" if row["zstd19_bytes"] else "not measured",
            f"{row['spans_file_bytes']:.1f}",
            f"{row['all_bytes']:.1f}",
            f"{row['cpu_us']:.2f}",
            f"{row['peak_mb']:.0f}",
        ]
        for name, row in figures.items()
    ]
    head = ["stream", "spans", "as sent", "zstd -19 of the stream", "`spans` files", "with `traces` and indexes", "CPU us/span", "peak MB"]
    return f"""## Disk and memory

Each corpus stream stored once as it is, the made-up ones with fresh values in each pass; the count is checked with SQL. Bytes are per span.

![Bytes a span](charts/benchmarks-disk.svg)

{table(head, rows)}
"""


def charts(figures):
    rows = [(name, [row["spans_file_bytes"], row["all_bytes"], row["zstd19_bytes"]]) for name, row in figures.items()]
    return {"benchmarks-disk.svg": bars("Bytes a span", ["spans files", "with traces and indexes", "zstd -19 of the stream"], rows)}
