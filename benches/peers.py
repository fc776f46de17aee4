#!/usr/bin/env python3
"""Measures Clew beside other OTLP backends and writes docs/benchmarks-peers.md, its charts and its JSON.

Backends are started here from programs in a folder, one after the other, or run already at an address. Nothing but the standard library
is needed. See benches/peers.md.
"""

import argparse
import datetime
import json
import pathlib
import sys

from backends.kinds import KINDS
from backends.measure import STREAMS, measure, measure_running
from backends.page import PAGE, charts, page
from backends.running import Running
from server import ROOT, add_programs, commit, find_programs, machine

DOCS = ROOT / "docs"


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    add_programs(parser)
    parser.add_argument("--programs", help="folder with the programs of the other backends; those that it lacks are left out")
    parser.add_argument("--only", nargs="*", help="names of backends to start, others are left out")
    parser.add_argument("--running", nargs="+", action="append", default=[], metavar="KEY=VALUE", help="a backend that runs already")
    parser.add_argument("--corpus", help="folder with the full streams; made-up ones alone if absent")
    parser.add_argument("--streams", nargs="*", help=f"some of: {', '.join(STREAMS)}")
    parser.add_argument("--work", default=None, help="folder for data; a temporary one if absent")
    parser.add_argument("--seconds", type=float, default=12, help="length of the load")
    parser.add_argument("--connections", type=int, default=16, help="connections of the load generator")
    parser.add_argument("--patience", type=float, default=60, help="seconds to come to rest, and to show traces")
    parser.add_argument("--look-ups", type=int, default=200, help="acknowledged traces to look up")
    parser.add_argument("--no-kill", dest="kill", action="store_false", help="leave out the kill -9")
    parser.add_argument("--quick", action="store_true", help="short runs on made-up spans; writes nothing")
    parser.add_argument("--json", default=str(DOCS / f"{PAGE}.json"), help="where the figures are kept; others in it stay")
    parser.add_argument("--commit", default=commit(), help="commit of the server that is measured; that checked out if absent")
    parser.add_argument("--page", action="store_true", help="measure nothing, write the page anew from the figures")
    options = parser.parse_args()
    find_programs(options)
    return options


def chosen_streams(options):
    if options.quick:
        return ["made-up, 310 bytes"]
    streams = options.streams or [name for name, (arguments, _) in STREAMS.items() if options.corpus or arguments[-1] != "--corpus"]
    unknown = [name for name in streams if name not in STREAMS]
    if unknown:
        raise SystemExit(f"--streams: {unknown} not known; there are {', '.join(STREAMS)}")
    return streams


def run(options, document, keep):
    """Measures, and keeps the document after each backend."""
    for name in chosen_streams(options):
        kept = document["streams"].get(name, {}).get("backends", {}) if options.only else {}
        stream = document["streams"][name] = {
            "date": str(datetime.date.today()),
            "commit": options.commit,
            "machine": machine(),
            "seconds": options.seconds,
            "connections": options.connections,
            "backends": kept,
        }
        for kind, program in programs(options):
            print(f"{name}: {kind.name}", file=sys.stderr, flush=True)
            stream["backends"] = ordered({**stream["backends"], kind.name: measure(kind, program, name, options)})
            keep(document)
        for words in options.running:
            peer = Running(words)
            print(f"{name}: {peer.name}", file=sys.stderr, flush=True)
            stream["backends"] = ordered({**stream["backends"], peer.name: measure_running(peer, name, options)})
            keep(document)


def programs(options):
    """Kinds that are to be started, each with its program."""
    for kind in KINDS:
        path = pathlib.Path(options.clew if kind.program == "clew" else pathlib.Path(options.programs or "/nowhere") / kind.program)
        if path.exists() and (not options.only or kind.name in options.only):
            yield kind, path


def ordered(rows):
    """Backends in the order of the kinds, then the others."""
    names = [kind.name for kind in KINDS if kind.name in rows]
    return {name: rows[name] for name in [*names, *(name for name in rows if name not in names)]}


def write(document):
    (DOCS / "charts").mkdir(parents=True, exist_ok=True)
    (DOCS / f"{PAGE}.md").write_text(page(document))
    for name, text in charts(document).items():
        (DOCS / "charts" / name).write_text(text)


def main():
    options = parse()
    kept = pathlib.Path(options.json)
    document = {"streams": {}}
    if options.quick:
        options.seconds, options.patience, options.look_ups = 2, 10, 20
    elif kept.exists():
        document = json.loads(kept.read_text())
    if options.quick:
        run(options, document, lambda _: None)
        print(page(document))
        return
    if not options.page:
        run(options, document, lambda taken: kept.write_text(json.dumps(taken, indent=1) + "\n"))
    write(document)


if __name__ == "__main__":
    main()
