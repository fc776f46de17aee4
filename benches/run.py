#!/usr/bin/env python3
"""Measures a Clew server and writes docs/benchmarks.json, and from it docs/benchmarks.md and its charts.

It starts the server on free ports with an empty data directory on the disk of --work, drives it with clew-loadgen, and
reads CPU time and memory of the server from /proc. Nothing but the standard library is needed. Each part of the suite is a
module of `suite`; the figures of parts that are not measured stay as they are.
"""

import argparse
import datetime
import json
import pathlib
import shutil
import sys

from server import ROOT, add_programs, commit, find_programs, fsync_ms, machine
from suite import batches, growth, half, idle, ingest, merging, mixed, pieces, reads, stored
from suite.bench import Bench

PARTS = [ingest, batches, half, mixed, merging, growth, stored, reads, idle, pieces]
DOCS = ROOT / "docs"


def parse():
    names = [part.NAME for part in PARTS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", help="folder with the three full streams")
    add_programs(parser)
    parser.add_argument("--work", default=None, help="folder for data directories; a temporary one if absent")
    parser.add_argument("--parts", nargs="*", choices=names, default=names, help="parts to measure; all if absent")
    parser.add_argument("--seconds", type=float, default=12, help="length of an ingest run")
    parser.add_argument("--connections", type=int, default=16, help="connections of the load generator")
    parser.add_argument("--spans", type=int, default=1_000_000, help="spans of the large directory, at least")
    parser.add_argument("--look-ups", type=int, default=1_000, help="traces to read by id")
    parser.add_argument("--mixed-rate", type=float, default=80_000, help="spans a second beside questions")
    parser.add_argument("--growth", type=float, default=10, help="million spans up to which a directory grows; 50 needs 6 GB and a quarter of an hour")
    parser.add_argument("--growth-rate", type=float, default=100_000, help="spans a second while it grows")
    parser.add_argument("--zstd19", action="store_true", help="also pack the raw streams with zstd -19; takes minutes")
    parser.add_argument("--quick", action="store_true", help="cuts and short runs; writes nothing")
    parser.add_argument("--commit", default=commit(), help="commit of the server that is measured; that checked out if absent")
    parser.add_argument("--page", action="store_true", help="measure nothing, write page and charts anew from the figures")
    parser.add_argument("--json", default=str(DOCS / "benchmarks.json"), help="where the figures are kept")
    options = parser.parse_args()
    find_programs(options)
    if options.quick:
        options.corpus = str(ROOT / "testdata/otlp")
        options.seconds, options.spans, options.look_ups, options.growth = 2, 100_000, 100, 1
    elif not options.corpus and not options.page:
        parser.error("--corpus names the folder of the full streams")
    return options


def measure(options, document, keep):
    """Measures the parts, and keeps the document after each."""
    for part in PARTS:
        if part.NAME not in options.parts:
            continue
        print(part.NAME, file=sys.stderr, flush=True)
        bench = Bench(options)
        try:
            disk_ms = fsync_ms(bench.work)
            figures = part.measure(bench)
        finally:
            shutil.rmtree(bench.work, ignore_errors=True)
        document[part.NAME] = {
            "date": str(datetime.date.today()),
            "commit": options.commit,
            "profile": options.profile,
            "machine": machine(),
            "disk_fdatasync_ms": disk_ms,
            "figures": figures,
        }
        keep(document)


def page(document):
    taken = [(part, document[part.NAME]) for part in PARTS if part.NAME in document]
    where = "\n".join(
        f"| {part.NAME} | {row['date']} | {row['commit']} | {row['profile']} | {row['machine']} | {row['disk_fdatasync_ms']:.1f} |"
        for part, row in taken
    )
    body = "\n".join(part.page(row["figures"]) for part, row in taken)
    return f"""# Benchmarks

Written by `benches/run.py` from `benchmarks.json`, which holds what it measured; do not edit. To repeat it:

```sh
CLEW_CORPUS=FOLDER make bench
```

Server and load generator share the machine. Every acknowledged span was on stable storage before its acknowledgement. Search and SQL are in
[benchmarks-search.md](benchmarks-search.md), tail sampling in [benchmarks-sampling.md](benchmarks-sampling.md). Other backends under the same load are in
[benchmarks-peers.md](benchmarks-peers.md).

{body}
## Where and when

| part | measured | commit | build profile | machine | fdatasync of 256 KiB, ms |
|---|---|---|---|---|--:|
{where}
"""


def charts(document):
    """File name and text of every chart."""
    made = {}
    for part in PARTS:
        if part.NAME in document:
            made.update(part.charts(document[part.NAME]["figures"]))
    return made


def main():
    options = parse()
    path = pathlib.Path(options.json)
    document = {}
    if path.exists() and not options.quick:
        document = json.loads(path.read_text())
    if not options.page:
        keep = (lambda _: None) if options.quick else (lambda kept: path.write_text(json.dumps(kept, indent=1) + "\n"))
        measure(options, document, keep)
    text, pictures = page(document), charts(document)
    if options.quick:
        print(text)
        return
    (DOCS / "charts").mkdir(parents=True, exist_ok=True)
    (DOCS / "benchmarks.md").write_text(text)
    for name, picture in pictures.items():
        (DOCS / "charts" / name).write_text(picture)


if __name__ == "__main__":
    main()
