#!/usr/bin/env python3
"""Compares ways to lay a segment out and writes docs/segment-layout.md from the figures.

`clew-layout` (benches/cost) writes the spans of each data set once for each variant, and reads traces and attributes from what it wrote; this
makes the page. Nothing but the standard library is needed.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess

from server import ROOT, commit, machine, table

#: Columns that are listed, the largest ones.
COLUMNS = 12
#: What nothing can pack, or hardly: random ids, and times of a nanosecond's precision.
IDS = ["span_and_parent_id", "trace_id"]
TIMES = ["start_time", "duration_ns"]


def measure(options):
    """The report of each data set, as `clew-layout` prints it."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = target / {"dev": "debug"}.get(options.profile, options.profile)
    command = [options.program or str(built / "clew-layout")]
    for name in ["corpus", "work", "rich_spans", "flush_spans", "rounds", "traces"]:
        value = getattr(options, name)
        if value is not None:
            command += [f"--{name.replace('_', '-')}", str(value)]
    for name in ["data", "only"]:
        if getattr(options, name):
            command += [f"--{name}", *getattr(options, name)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    sets = [json.loads(line) for line in answer.splitlines()]
    return {
        "date": str(datetime.date.today()),
        "commit": commit(),
        "machine": machine(),
        "profile": options.profile,
        "rounds": options.rounds,
        "sets": sets,
    }


def difference(value, base):
    """By how many percent a value differs."""
    return f"{100 * (value / base - 1):+.0f} %"


def all_bytes(variant):
    return variant["spans_bytes"] + variant["traces_bytes"] + variant["index_bytes"]


def variants(report):
    """The table of a data set."""
    spans = report["spans"]
    default, *others = report["variants"]
    files = ["spans_bytes", "traces_bytes", "index_bytes"]
    rows = [
        [
            "**default**",
            *[f"{default[file] / spans:.2f}" for file in files],
            f"{all_bytes(default) / spans:.2f}",
            f"{default['write_ns_per_span']:,.0f}",
            f"{default['trace_us']:,.0f}",
            f"{default['trace_read_bytes'] / 1024:,.0f}",
            *[f"{us:,.0f}" for us in default["search_us_per_100k_rows"]],
        ]
    ]
    for variant in others:
        searches = zip(variant["search_us_per_100k_rows"], default["search_us_per_100k_rows"])
        rows.append(
            [
                variant["name"],
                *[f"{(variant[file] - default[file]) / spans:+.2f}" for file in files],
                f"{100 * (all_bytes(variant) / all_bytes(default) - 1):+.1f} %",
                difference(variant["write_ns_per_span"], default["write_ns_per_span"]),
                difference(variant["trace_us"], default["trace_us"]),
                difference(variant["trace_read_bytes"], default["trace_read_bytes"]),
                *[difference(us, base) for us, base in searches],
            ]
        )
    head = ["", "`spans`", "`traces`", "index", "all files", "write, ns/span", "trace, us", "trace, KiB read", "frequent key, us", "rare key, us"]
    return table(head, rows)


def section(report):
    questions = report["questions"]
    asked = [
        f"`{question['key']}` = `{question['value']}` ({name}: {100 * question['spans'] / report['spans']:.1f} % of the spans have the key, "
        f"{100 * matches / report['spans']:.2f} % match)"
        for (name, question), matches in zip(questions.items(), report["matches"])
    ]
    return f"""## {report['name']}

{report['spans']:,} spans in {report['segments']} segment{'s' if report['segments'] > 1 else ''}; the {report['traces']} traces that are read have {report['trace_spans'] / report['traces']:.1f} spans on average.
Searched for: {' and '.join(asked)}.

{variants(report)}
"""


def columns(sets):
    """The largest columns of each data set, side by side."""
    def cells(report):
        spans, files = report["spans"], report["variants"][0]["spans_bytes"]
        largest, rest = report["columns"][:COLUMNS], report["columns"][COLUMNS:]
        packed = sum(column["bytes"] for column in report["columns"])
        return [
            *[f"`{column['name']}` {column['bytes'] / spans:.2f}" for column in largest],
            *["" for _ in range(COLUMNS - len(largest))],
            f"{len(rest)} columns: {sum(column['bytes'] for column in rest) / spans:.2f}",
            f"{(files - packed) / spans:.2f}",
            f"**{files / spans:.2f}**",
        ]

    names = [*[str(place + 1) for place in range(COLUMNS)], "all others", "footers, page indexes", "**`spans` files**"]
    rows = zip(names, *[cells(report) for report in sets])
    return table(["", *[report["name"] for report in sets]], rows)


def bound(sets):
    """How much of the default's bytes ids and times take."""
    def row(report):
        spans = report["spans"]
        size = {column["name"]: column["bytes"] / spans for column in report["columns"]}
        everything = all_bytes(report["variants"][0]) / spans
        ids, times = sum(size[name] for name in IDS), sum(size[name] for name in TIMES)
        rest = everything - ids - times
        return [report["name"], *[f"{size[name]:.2f}" for name in IDS + TIMES], f"{rest:.2f}", f"{everything:.2f}", f"{100 * (ids + times) / everything:.0f} %"]

    head = ["", "ids of spans and parents", "trace ids", "start times", "durations", "all else", "all files", "ids and times"]
    return table(head, [row(report) for report in sets])


def chance(sets):
    """How far times differ where nothing does: between the default and variants that write the same bytes."""
    def spread(time):
        same = [
            variant[time] / report["variants"][0][time]
            for report in sets
            for variant in report["variants"][1:]
            if all_bytes(variant) == all_bytes(report["variants"][0])
        ]
        return f"{difference(min(same), 1)} to {difference(max(same), 1)}"

    return (
        f"Lines that write the same bytes differ by {spread('write_ns_per_span')} in writing and {spread('trace_us')} in a trace "
        "in this run, and that is chance too. Bytes are exact."
    )


def page(figures):
    sections = "\n".join(section(report) for report in figures["sets"])
    return f"""# What the layout of a segment costs

Written by `benches/layout.py` from what it measured; do not edit. {figures['date']}, commit {figures['commit']}.
Machine: {figures['machine']}. Built with the profile `{figures['profile']}`.

```sh
CLEW_CORPUS=FOLDER make bench-layout
```

Every variant changes the default in one respect, is written with the same spans, and must give the same answers. The default is `SegmentShape` in
`storage/src/limits.rs`, and [segment-format.md](segment-format.md) tells what is in the files. The line of the default has bytes a span of each file, and times;
the other lines have the differences, in bytes a span or in per cent. The default stands there twice: what its second line shows is chance. {chance(figures['sets'])}

Times are CPU times of one thread, so what else the machine does matters little; of {figures['rounds']} rounds, in which the variants take turns, the best counts.
A trace is read whole by its id, with footers and indexes in memory: the median of the traces, and what is read from files on average. A search reads the column of the key, or
the map that it lies in where it has no column, in every row group (filters are not asked), and counts the matches: time for 100,000 rows.
A flush has up to 200,000 spans; nothing is merged.

{sections}
## What bounds the size

Bytes a span of the default, by column of the `spans` files:

{columns(figures['sets'])}

{BOUND}

{bound(figures['sets'])}

## What was chosen

{CHOSEN}
"""


BOUND = """Span ids are random, 8 bytes each, and nothing packs them. A parent's id is one of the span ids of its trace, and side by side with them it costs what it takes to say which one.
A trace id costs its 16 bytes once a trace: the more spans that has, the less of them a span carries. Times to the nanosecond have some 25 random bits each. What is
left repeats, and that is what a layout can pack: of the recorded streams two have little of it, and the third has long texts in its events."""

CHOSEN = """Shares of time in this list are those of commit f136ec9, but for the columns of keys; bytes are of this run.

- **Pages of 4,096 rows.** 8,192 save 2 to 4 % and make a trace by id 9 to 15 % dearer; 2,048 cost 3 to 7 % and save up to 10 % of a trace. Pages of 1 MiB, because long
  events (the first stream) are packed far worse in short pages.
- **Dictionaries up to 32 KiB.** Larger ones are read whole for a trace, which costs up to 70 % more where values differ, and they are larger there in all. Only keys with a thousand values
  each (`jaeger`) gain from 256 KiB. 16 KiB save less than 1 %, and cost searches of such keys as lose their dictionary.
- **zstd 1, for ids 3.** Level 3 saves 3 % on the first stream, 2 % on `jaeger` and nothing or less than 1 % elsewhere, for 3 to 15 % more CPU to write; level 6 saves up to 5 % for 15 to 24 %.
  For ids alone level 3 saves 0.09 bytes a span on `deathstarbench-all` and takes 10 ns a span; level 5 saves 0.04 more and takes another 96 (commit 2cee090; runs before it packed ids with 1).
- **Some columns not packed.** Packing them too saves at most 0.3 % and makes a trace 5 to 23 % dearer, since a reader sets zstd up for each column.
- **Start times and durations split by byte.** The smallest on all recorded streams. On the made-up sets, whose start times are round numbers, start times as deltas save 1 %.
- **Row groups of 65,536 rows.** Twice as many save up to 4 %, and take twice the memory to write; and a filter that answers for twice the rows sends a search to twice as many.
- **Ids of a span and its parent side by side** (`storage/src/segment/ids.rs`). In a column of its own the parent's id took 4.3 to 6.3 bytes on the recorded streams (commit f136ec9), as zstd could not
  see the span that has it; side by side both take 8.5 to 8.8.
- **Up to 128 columns for keys.** Without them a search takes 3 to 70 times as long and spans with 15 attributes take 25 % more. The price shows where 97 keys have random values
  (`jaeger`): with 48 columns all files would take 4.5 % fewer bytes, a trace a fifth less time and writing up to a sixth less CPU, but a search of a key that has its column beyond the 48th would take
  some ten times as long. No set has keys so rare that the shares matter.
- **Traces by kind.** By start they take 7 to 17 % more on two recorded streams and the same on the third, by id 10 to 25 % more on all three. Made-up traces have no kinds; by start they take 1 % less."""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", default=str(ROOT / "testdata/otlp"), help="folder with the streams; that of the cuts if absent")
    parser.add_argument("--profile", default="dist", help="build profile of the program")
    parser.add_argument("--program", help="clew-layout; that of the profile if absent")
    parser.add_argument("--work", help="folder for segments; a temporary one if absent")
    parser.add_argument("--data", nargs="+", help="data sets to measure, by name; all if absent")
    parser.add_argument("--only", nargs="+", help="measure the default and variants whose name contains one of these")
    parser.add_argument("--rich-spans", type=int, help="spans of the data set `rich`")
    parser.add_argument("--flush-spans", type=int, help="spans of a flush at most")
    parser.add_argument("--rounds", type=int, default=2, help="how often everything is measured")
    parser.add_argument("--traces", type=int, help="traces that are read by id")
    parser.add_argument("--quick", action="store_true", help="one round over few spans; writes nothing")
    parser.add_argument("--json", help="also write the figures to this file")
    parser.add_argument("--figures", help="make the page of the figures in this file, which --json wrote, and measure nothing")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.traces, options.rich_spans = 1, 20, 20_000
    figures = json.loads(pathlib.Path(options.figures).read_text()) if options.figures else measure(options)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(figures, indent=2))
    text = page(figures)
    if options.quick or options.data or options.only:
        print(text)
    else:
        (ROOT / "docs/segment-layout.md").write_text(text)


if __name__ == "__main__":
    main()
