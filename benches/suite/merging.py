"""What merging costs: segments as small as slow traffic makes them, so that each span is merged several times."""

from process import Process
from server import table
from suite.growth import PASS

NAME = "merging"
#: A flush of some 30,000 spans, every second at this rate: what 1,000 spans a second give every thirty seconds.
EPOCH = "12MiB"
RATE = 30_000


def measure(bench):
    server = bench.server(settings={"CLEW_STORAGE_EPOCH_SIZE": EPOCH})
    passes = max(1, 4 * bench.options.spans // PASS)
    sent = bench.load(server, "--batch", "1000", "--passes", passes, "--rate", RATE, "--connections", bench.options.connections)
    server.wait_until_flushed()
    Process(server.process.pid).rest(120, window=2)
    spans = sent["spans_acknowledged"]
    server.check_count(spans)
    written = server.metric('clew_compaction_spans_total{direction="out"}')
    figures = {
        "spans": spans,
        "merges": server.metric("clew_compactions_total"),
        "segments": server.status()["segments"],
        "times": written / spans,
        "copied": server.metric("clew_compaction_copied_spans_total") / written if written else 0,
        "cpu_us": server.merging_seconds() * 1e6 / written if written else 0,
        "cpu_us_all": server.cpu_seconds() * 1e6 / spans,
        "generator_cpu_us": sent["generator_cpu_us_per_span"],
    }
    bench.end(server)
    return figures


def page(figures):
    head = [
        "spans",
        "merges",
        "segments in the end",
        "times merged",
        "taken over as they were",
        "CPU us/span and merge",
        "CPU us/span, everything",
        "generator us/span",
    ]
    row = [
        f"{figures['spans']:,}",
        f"{figures['merges']:.0f}",
        f"{figures['segments']}",
        f"{figures['times']:.1f}",
        f"{figures['copied']:.0%}",
        f"{figures['cpu_us']:.2f}",
        f"{figures['cpu_us_all']:.2f}",
        f"{figures['generator_cpu_us']:.2f}",
    ]
    return f"""## Merging

Made-up spans of 310 bytes, {RATE:,} a second into epochs of {EPOCH}, so that a flush is as small as 1,000 spans a second make it and spans are merged more than once,
until the server comes to rest. CPU of a merge is that of its thread, for each span that it writes. Spans of a slice of time that lie in one segment are taken over as
they were ([storage.md](storage.md#merging)).

{table(head, [row])}
"""


def charts(figures):
    return {}
