"""What the parts of the suite share: servers on fresh folders, the load generator, and the streams."""

import json
import pathlib
import shutil
import subprocess
import tempfile

from server import Server

CORPORA = ["nezha-trainticket-20230129", "nezha-onlineboutique-20220822", "deathstarbench-all"]
#: Made-up streams: arguments of the load generator.
MADE_UP = {"made-up, 310 bytes a span": [], "made-up, 15 attributes a span": ["--rich"]}


class Bench:
    def __init__(self, options):
        self.options = options
        self.work = tempfile.mkdtemp(prefix="clew-bench-", dir=options.work)
        self.count = 0

    def server(self, data=None, settings=None):
        self.count += 1
        return Server(self.options.clew, data or f"{self.work}/data-{self.count}", settings)

    def end(self, server):
        """Stops a server and removes what it stored."""
        server.stop()
        shutil.rmtree(server.data)

    def command(self, server, *arguments):
        return [self.options.loadgen, "--endpoint", f"http://{server.addresses['otlp_grpc']}", *map(str, arguments)]

    def load(self, server, *arguments):
        command = self.command(server, *arguments)
        return checked(command, subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)

    def load_beside(self, server, *arguments):
        """The load generator as a process that goes on; `finished` waits for it."""
        return subprocess.Popen(self.command(server, *arguments), stdout=subprocess.PIPE)

    def finished(self, process):
        out, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"the load generator ended with {process.returncode}")
        return checked(process.args, out)

    def path(self, name):
        """File of a corpus stream."""
        return next(str(path) for path in sorted(pathlib.Path(self.options.corpus).rglob(f"{name}*.otlp.zst")))

    def streams(self):
        """All streams by name: arguments of the load generator."""
        return {**{name: ["--corpus", self.path(name)] for name in CORPORA}, **MADE_UP}

    def ingest(self, *arguments, settings=None):
        """What a load costs a fresh server, until all of it is in segments."""
        server = self.server(settings={"CLEW_STORAGE_EPOCH_AGE": "10s", **(settings or {})})
        before = server.cpu_seconds()
        sent = self.load(server, *arguments)
        acknowledged = server.cpu_seconds() - before
        server.wait_until_flushed()
        flushed = server.cpu_seconds() - before
        merging = server.merging_seconds()
        spans = sent["spans_acknowledged"]
        figures = {
            "spans": spans,
            "spans_per_second": sent["spans_per_second"],
            "megabytes_per_second": sent["megabytes_per_second"],
            "latency_ms": sent["latency_ms"],
            "refused": sent["requests_refused_and_sent_again"],
            "generator_cpu_us": sent["generator_cpu_us_per_span"],
            "cpu_us_acknowledged": acknowledged * 1e6 / spans,
            "cpu_us_flushed": flushed * 1e6 / spans,
            "cpu_us_merging": merging * 1e6 / spans,
            "peak_mb": server.memory_mb("VmHWM"),
        }
        self.end(server)
        return figures


def checked(command, out):
    answer = json.loads(out)
    if answer["errors"] or answer["spans_rejected"]:
        raise SystemExit(f"{' '.join(command)}: {answer['errors']}, {answer['spans_rejected']} rejected")
    return answer


def percentiles(times):
    """What a list of milliseconds says."""
    times = sorted(times)
    at = lambda share: times[min(len(times) - 1, int(len(times) * share))]
    return {"count": len(times), "p50": at(0.5), "p99": at(0.99), "max": times[-1]}
