"""A Clew server to be measured, and what the measuring scripts share."""

import http.client
import json
import os
import pathlib
import platform
import signal
import statistics
import subprocess
import tempfile
import time

from process import Process

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Server:
    """A running `clew serve` and its data directory."""

    def __init__(self, binary, data, settings=None):
        self.data = data
        environment = {key: value for key, value in os.environ.items() if not key.startswith("CLEW_")}
        for port in ["OTLP_GRPC", "OTLP_HTTP", "ZIPKIN", "HTTP", "GRPC", "SAMPLING"]:
            environment[f"CLEW_PORTS_{port}"] = "0"
        environment.update(settings or {})
        started = time.monotonic()
        self.process = subprocess.Popen(
            [binary, "serve", "--print-addresses", "--data-dir", data],
            stdout=subprocess.PIPE,
            stderr=open(f"{data}.log", "ab"),
            env=environment,
        )
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the server did not start; see {data}.log")
        self.addresses = json.loads(line)
        while True:
            try:
                if self.get("/health/ready")[0] == 200:
                    break
            except OSError:
                pass
            time.sleep(0.002)
        self.start_seconds = time.monotonic() - started

    def connect(self):
        return http.client.HTTPConnection(self.addresses["http"], timeout=120)

    def get(self, path, headers=None):
        connection = self.connect()
        try:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def sql(self, statement):
        connection = self.connect()
        connection.request("POST", "/api/sql", json.dumps({"query": statement}), {"content-type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer["rows"]

    def check_count(self, spans):
        """Ends the script unless so many spans are stored."""
        count = int(self.sql("SELECT count(*) FROM spans")[0][0])
        if count != spans:
            raise SystemExit(f"{spans} spans sent, {count} stored")

    def status(self):
        return json.loads(self.get("/api/clew/v1/status")[1])

    def wait_until_flushed(self):
        while self.status()["hot_spans"]:
            time.sleep(0.05)

    def cpu_seconds(self):
        return Process(self.process.pid).cpu_seconds()

    def merging_seconds(self):
        """What of `cpu_seconds` went into merging segments."""
        return Process(self.process.pid).thread_cpu_seconds("clew-compact")

    def memory_mb(self, name):
        return Process(self.process.pid).memory_mb(name)

    def metric(self, name):
        """The sum of the series in /metrics that are called `name`, or of the one if it has labels; 0 where nothing was counted yet."""
        lines = self.get("/metrics")[1].decode().splitlines()
        series = [line.rpartition(" ") for line in lines]
        return sum(float(value) for called, _, value in series if name in (called, called.partition("{")[0]))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)

    def kill(self):
        self.process.kill()
        self.process.wait(120)


def add_programs(parser):
    """Adds the arguments that name the server and the load generator."""
    parser.add_argument("--profile", default="dist", help="build profile of the two programs")
    parser.add_argument("--clew", help="server binary; that of the profile if absent")
    parser.add_argument("--loadgen", help="load generator binary; that of the profile if absent")


def find_programs(options):
    """Puts the programs of the profile where none are named."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = target / {"dev": "debug"}.get(options.profile, options.profile)
    options.clew = options.clew or str(built / "clew")
    options.loadgen = options.loadgen or str(built / "clew-loadgen")


def machine():
    cpu = next(l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name"))
    memory = int(open("/proc/meminfo").readline().split()[1]) / 1024 / 1024
    return f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}"


def fsync_ms(folder):
    """Median time of an fdatasync of 256 KiB on the disk of the data directory: what every acknowledgement waits for."""
    times = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(50):
            file.write(b"x" * (256 << 10))
            file.flush()
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - started) * 1e3)
    return statistics.median(times)


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" + "|--:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def commit():
    """The commit that is checked out, short."""
    command = ["git", "-C", ROOT, "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
