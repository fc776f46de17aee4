"""What is measured of a backend, the same way for all of them."""

import contextlib
import json
import pathlib
import subprocess
import tempfile
import time

from process import AnonymousPeak, busy_seconds, disk_bytes

#: Streams by name: arguments of the load generator, and spans of a trace where all have the same.
STREAMS = {
    "made-up, 310 bytes": (["--batch", "1000"], 10),
    "made-up, 15 attributes": (["--rich", "--batch", "1000"], 10),
    "nezha-onlineboutique-20220822": (["--corpus"], None),
    "deathstarbench-all": (["--corpus"], None),
    "nezha-trainticket-20230129": (["--corpus"], None),
}


class Load:
    """The load generator, with a stream."""

    def __init__(self, options, stream):
        self.options = options
        arguments, self.trace_spans = STREAMS[stream]
        self.arguments = list(arguments)
        if arguments[-1] == "--corpus":
            self.arguments.append(next(str(path) for path in sorted(pathlib.Path(options.corpus).rglob(f"{stream}*.otlp.zst"))))

    def send(self, peer, *more):
        """Sends; what the generator measured, and some acknowledged trace ids."""
        with tempfile.NamedTemporaryFile("r") as sample:
            command = [self.options.loadgen, "--endpoint", peer.endpoint, "--protocol", peer.protocol, *self.arguments, *more]
            answer = subprocess.run([*command, "--sample-ids", sample.name], check=True, stdout=subprocess.PIPE).stdout
            return json.loads(answer), sample.read().split()


def full_load(peer, load, options):
    """As many spans as the backend takes, until it has nothing more to do with them."""
    space = disk_bytes(peer.data)
    before = peer.process.cpu_seconds()
    busy = busy_seconds()
    with AnonymousPeak(peer.process) as anonymous:
        sent, ids = load.send(peer, "--seconds", str(options.seconds), "--connections", str(options.connections))
        answered = peer.process.cpu_seconds() - before
        busy = busy_seconds() - busy
        rested = peer.process.rest(options.patience)
        done = peer.process.cpu_seconds() - before
    spans = sent["spans_acknowledged"]
    if not spans:
        raise SystemExit(f"{peer.name} took no span: {sent['errors']}")
    generator = sent["generator_cpu_us_per_span"] * spans / 1e6
    return {
        "spans": spans,
        "others_cores": max(0.0, busy - answered - generator) / sent["seconds"],
        "spans_per_second": sent["spans_per_second"],
        "latency_ms": sent["latency_ms"],
        "refused": sent["requests_refused_and_sent_again"],
        "errors": sent["errors"],
        "rejected": sent["spans_rejected"],
        "dropped": peer.dropped(),
        "cpu_us_answered": answered * 1e6 / spans,
        "cpu_us_done": done * 1e6 / spans,
        "came_to_rest": rested,
        "peak_mb": peer.process.memory_mb("VmHWM"),
        "peak_anonymous_mb": anonymous.peak_mb,
        "found": found(peer, ids[:: max(1, len(ids) // options.look_ups)], load.trace_spans, options.patience),
        "disk_bytes": disk_bytes(peer.data) - space,
    }


def found(peer, ids, trace_spans, patience):
    """How many of the traces its own API shows, whole where the number of their spans is known.

    It gets `patience` seconds to show them all; traces that it left no time to ask for once are not counted as asked.
    """
    end = time.monotonic() + patience
    asked = shown = 0
    waiting = list(ids)
    for again in range(1_000):
        still = []
        for trace_id in waiting:
            if time.monotonic() > end:
                return {"asked": asked, "shown": shown}
            spans = spans_of(peer, trace_id)
            if spans is None:
                return None
            asked += not again
            if spans >= (trace_spans or 1):
                shown += 1
            else:
                still.append(trace_id)
        if not still:
            break
        waiting = still
        time.sleep(1)
    return {"asked": asked, "shown": shown}


def spans_of(peer, trace_id):
    """Spans that it shows; none when it answers with an error."""
    try:
        return peer.spans_of(trace_id)
    except OSError:
        return 0


def after_kill(peer, load, options):
    """Acknowledged traces that are still there after a SIGKILL that comes with the last acknowledgement."""
    sent, ids = load.send(peer, "--seconds", "3", "--connections", "2")
    peer.kill()
    peer.start()
    ids = ids[:: max(1, len(ids) // options.look_ups)]
    return {"spans": sent["spans_acknowledged"], **(found(peer, ids, load.trace_spans, options.patience / 2) or {})}


def measure(kind, program, stream, options):
    """All figures of a kind on a stream, each run on a fresh folder."""
    load = Load(options, stream)
    with tempfile.TemporaryDirectory(prefix="clew-peers-", dir=options.work) as folder:
        with started(kind, program, f"{folder}/full") as peer:
            time.sleep(2)
            figures = full_load(peer, load, options)
            # An end and a new start let it write down what it holds in memory, and drop what it merged.
            peer.stop()
            peer.start()
            peer.process.rest(options.patience / 4)
            peer.stop()
            figures["disk_bytes"] = disk_bytes(peer.data)
            figures["disk_parts"] = {path.name: disk_bytes(path) if path.is_dir() else path.stat().st_size for path in sorted(peer.data.iterdir())}
        if options.kill:
            with started(kind, program, f"{folder}/kill") as other:
                figures["after_kill"] = after_kill(other, load, options)
    return {**described(peer), **figures}


@contextlib.contextmanager
def started(kind, program, folder):
    """A backend that runs on an empty folder, and no more after the block."""
    peer = kind(program, folder)
    try:
        peer.start()
        yield peer
    finally:
        peer.kill()


def described(peer):
    return {"version": peer.version, "durable": peer.durable, "remark": peer.remark, "settings": peer.settings}


def measure_running(peer, stream, options):
    """What can be measured of a backend that somebody else started."""
    figures = full_load(peer, Load(options, stream), options)
    return {**described(peer), **figures}
