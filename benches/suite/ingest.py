"""Each stream as fast as the server takes it."""

from charts import bars
from server import table

NAME = "ingest"


def measure(bench):
    options = bench.options
    limits = ["--seconds", options.seconds, "--connections", options.connections]
    return {
        "seconds": options.seconds,
        "connections": options.connections,
        "streams": {name: bench.ingest(*arguments, *limits) for name, arguments in bench.streams().items()},
    }


def page(figures):
    rows = [
        [
            name,
            f"{row['spans_per_second']:,.0f}",
            f"{row['megabytes_per_second']:.0f}",
            f"{row['latency_ms']['p50']:.1f} / {row['latency_ms']['p99']:.1f}",
            f"{row['cpu_us_acknowledged']:.2f}",
            f"{row['cpu_us_flushed'] - row['cpu_us_merging']:.2f}",
            f"{row['cpu_us_merging']:.2f}",
            f"{row['generator_cpu_us']:.2f}",
            f"{row['peak_mb']:.0f}",
            f"{row['refused']}",
        ]
        for name, row in figures["streams"].items()
    ]
    head = [
        "stream",
        "spans/s, durable",
        "MB/s",
        "latency ms p50 / p99",
        "CPU us/span, acknowledged",
        "CPU us/span, in segments",
        "merging us/span",
        "generator us/span",
        "peak MB",
        "refused, sent again",
    ]
    return f"""## Ingest at full load

OTLP over gRPC without compression, as fast as the server takes it, for {figures['seconds']:g} s with {figures['connections']} connections; every pass over a
stream gets fresh ids and times. CPU is that of the server, user and system, until the last acknowledgement, and until everything lay in
segments; what went into merging some of these segments meanwhile is in the first figure, and apart from the second. The generator does the same work in every run, so what it
took tells how fast the machine was. Latency is that of a request, of the size that the stream has (1,000 spans if made up), with the pauses and further tries of those that were refused.

![CPU a span](charts/benchmarks-cpu.svg)

{table(head, rows)}
"""


def charts(figures):
    rows = [(name, [row["cpu_us_flushed"] - row["cpu_us_merging"], row["cpu_us_merging"]]) for name, row in figures["streams"].items()]
    return {"benchmarks-cpu.svg": bars("CPU of the server, us a span", ["until in segments", "merging meanwhile"], rows)}
