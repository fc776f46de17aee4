#!/usr/bin/env python3
"""Measures search and SQL on the data set of Jaeger's published benchmark and writes docs/benchmarks-search.md from the figures.

It loads the data set into a Clew server through OTLP once (with --data a later run reuses it), and then measures searches and the questions
of docs/sql.md, warm and cold, with DuckDB over the same files and ClickHouse with the same rows beside it. The other two come from PyPI
(requirements.txt); nothing else but the standard library is needed.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import engines
import jaeger
import questions
import search_page
import searches
from server import ROOT, Server, add_programs, find_programs, fsync_ms

#: Requests that are made before the measured ones, as far as they are done in this time.
WARM_UP = 200
WARM_UP_SECONDS = 3
#: Searches whose answers are compared with DuckDB's, of each kind.
COMPARED = 2
#: A total may be a labelled lower bound only from here on: `search_total_max` of the query crate.
BOUND_MIN = 1_000_000
#: Time that the other engines get for a statement; Clew has its own limit.
ENGINE_SECONDS_MAX = 60
#: Time in which completion must have read all segments.
COMPLETE_SECONDS_MAX = 300
ENGINES = ["duckdb", "clickhouse"]


class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = pathlib.Path(options.data or tempfile.mkdtemp(prefix="clew-bench-", dir=options.work))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.interpreter = engines.python()
        self.server = None
        self.engines = {}

    def say(self, what):
        print(f"{time.monotonic() - self.options.started:6.0f} s  {what}", file=sys.stderr, flush=True)

    def start_server(self):
        self.server = Server(self.options.clew, self.server_data())

    def server_data(self):
        return str(self.folder / "data")

    def start_engine(self, name):
        self.engines[name] = engines.Engine(self.interpreter, name, str(self.folder), self.options.threads, ENGINE_SECONDS_MAX)

    def start(self):
        self.start_server()
        for name in ENGINES:
            self.start_engine(name)

    def stop(self):
        if self.server:
            self.server.stop()
            self.server = None
        for engine in self.engines.values():
            engine.stop()
        self.engines = {}

    def load(self):
        """What is in the folder: loaded now, or by a run before."""
        note = self.folder / "loaded.json"
        if note.exists():
            loaded = json.loads(note.read_text())
            self.say(f"{loaded['spans']:,} spans were loaded by a run before")
        else:
            shutil.rmtree(self.folder / "data", ignore_errors=True)
            shutil.rmtree(self.folder / "clickhouse", ignore_errors=True)
            loaded = self.load_clew()
            note.write_text(json.dumps(loaded))
        if "clickhouse" not in loaded:
            loaded["clickhouse"] = self.load_clickhouse(loaded["spans"])
            note.write_text(json.dumps(loaded))
        return loaded

    def load_clew(self):
        self.say(f"loading {self.options.spans:,} spans into Clew")
        self.start_server()
        cpu = self.server.cpu_seconds()
        loaded = jaeger.load(self.server, self.options.loadgen, self.options.spans, str(self.folder / "sample"))
        loaded["cpu_seconds"] = self.server.cpu_seconds() - cpu
        loaded["peak_mb"] = self.server.memory_mb("VmHWM")
        self.stop()
        # Afterwards nothing is left to merge, and the next start removes what was: the other engines read all files that lie there.
        subprocess.run([self.options.clew, "compact", "--data-dir", self.server_data()], check=True, stdout=subprocess.DEVNULL)
        self.start_server()
        ends = "SELECT CAST(min(start_time) AS BIGINT), CAST(max(start_time) AS BIGINT) FROM spans"
        loaded["start_time"] = [int(end) for end in self.server.sql(ends)[0]]
        loaded["segments"] = self.server.status()["segments"]
        self.stop()
        loaded["bytes"] = bytes_of(self.folder / "data", "segments/**/*")
        return loaded

    def load_clickhouse(self, spans):
        self.say("loading the same rows into ClickHouse")
        started = time.monotonic()
        self.start_engine("clickhouse")
        answer = self.engines["clickhouse"].ask("load")
        if answer.get("rows") != spans:
            raise SystemExit(f"ClickHouse was to load {spans} spans: {answer}")
        self.stop()
        return {"seconds": time.monotonic() - started, "bytes": bytes_of(self.folder / "clickhouse", "**/*")}

    def evict(self):
        """Takes the files out of the page cache; what was taken out: of the `machine` or of the `data`."""
        os.sync()
        if self.options.evict != "data":
            try:
                pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n")
                return "machine"
            except OSError as error:
                if self.options.evict == "machine":
                    raise SystemExit(f"the page cache cannot be dropped, see --evict: {error}") from error
        for path in self.folder.rglob("*"):
            if path.is_file():
                with open(path, "rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return "data"

    def warm_search(self, kind):
        """Figures of one kind of search, and where its answers are wrong."""
        connection = self.server.connect()
        started = time.monotonic()
        for path, condition in searches.samples(kind, WARM_UP, "before"):
            get(connection, bounded(path, condition))
            if time.monotonic() - started > WARM_UP_SECONDS:
                break
        complete_after = wait_until_complete(connection, path) if kind.complete else None
        samples = searches.samples(kind, self.options.warm, "warm")
        cpu, times, sizes = self.server.cpu_seconds(), [], []
        for path, condition in samples:
            seconds, body = get(connection, bounded(path, condition))
            times.append(seconds * 1e3)
            sizes.append(len(json.loads(body)["traces"]) if condition else len(body))
        figures = summary(times)
        figures["cpu_ms"] = (self.server.cpu_seconds() - cpu) * 1e3 / len(samples)
        figures["complete_after_seconds"] = complete_after
        figures["found"] = sum(sizes) / len(sizes) if kind.counted else None
        if kind.counted:
            compared = searches.samples(kind, self.options.counted, "counted")
            figures["counted"] = summary([get(connection, path)[0] * 1e3 for path, _ in compared])
            for name in ENGINES:
                figures[name] = self.search_elsewhere(name, compared)
            figures["differences"] = [self.search_difference(connection, *sample) for sample in compared[:COMPARED]]
        connection.close()
        return figures

    def search_elsewhere(self, name, samples):
        times = []
        for _, condition in samples:
            answer = self.engines[name].ask(searches.quick(condition))
            if "error" in answer:
                return answer
            times.append(answer["seconds"] * 1e3)
        return summary(times)

    def search_difference(self, connection, path, condition):
        """How an answer differs from DuckDB's: its traces in their order, and the number of all."""
        found = json.loads(get(connection, path)[1])
        newest = self.engines["duckdb"].ask(searches.newest(condition))
        total = self.engines["duckdb"].ask(f"SELECT count(DISTINCT trace_id) FROM spans WHERE {condition}")
        if "error" in newest or "error" in total:
            return f"{path}: DuckDB failed: {newest} {total}"
        ids = [trace["trace_id"] for trace in found["traces"]]
        if ids != [row[0] for row in newest["rows"]]:
            return f"{path}: {ids} are not {newest['rows']}"
        said, counted = found["total"], total["rows"][0][0]
        right = said["value"] == counted if said["exact"] else BOUND_MIN <= said["value"] <= counted
        return None if right else f"{path}: {said} are not {counted}"

    def cold_search(self, kind):
        times, starts = [], []
        for path, condition in searches.samples(kind, self.options.cold, "cold"):
            self.stop()
            self.evicted = self.evict()
            self.start_server()
            starts.append(self.server.start_seconds)
            connection = self.server.connect()
            times.append(get(connection, bounded(path, condition))[0] * 1e3)
            connection.close()
        return {**summary(times), "start_ms": max(starts) * 1e3}

    def ask(self, name, statement):
        """The answer of Clew or of another engine to a statement."""
        if name != "clew":
            return self.engines[name].ask(statement)
        connection = self.server.connect()
        cpu, started = self.server.cpu_seconds(), time.perf_counter()
        connection.request("POST", "/api/sql", json.dumps({"query": statement}), {"content-type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        seconds = time.perf_counter() - started
        connection.close()
        if "error" in answer:
            return {"error": answer["error"]["message"]}
        rows = questions.rows_of(answer)
        return {"rows": rows, "seconds": seconds, "cpu_seconds": self.server.cpu_seconds() - cpu, "stats": answer["stats"]}

    def warm_question(self, number, statements):
        """All engines by turns: a first round whose answers are compared, then the measured ones."""
        first = {name: self.ask(name, statement) for name, statement in statements.items()}
        runs = {name: [] for name in statements}
        for _ in range(self.options.rounds):
            for name, statement in statements.items():
                answered = [first[name], *runs[name]]
                if any("error" in run for run in answered):
                    continue
                if sum(run["seconds"] for run in answered) <= self.options.sql_seconds:
                    runs[name].append(self.ask(name, statement))
        figures = {}
        for name, answer in first.items():
            failed = next((run["error"] for run in [answer, *runs[name]] if "error" in run), None)
            if failed:
                figures[name] = {"error": failed}
                continue
            measured = runs[name] or [answer]
            figures[name] = summary([run["seconds"] * 1e3 for run in measured])
            figures[name]["cpu_ms"] = sum(run["cpu_seconds"] for run in measured) * 1e3 / len(measured)
            figures[name]["rows"] = len(answer["rows"])
            if name != "clew" and "rows" in first["clew"]:
                figures[name]["difference"] = questions.difference(number, first["clew"]["rows"], answer["rows"])
        return figures

    def cold_question(self, statements):
        figures = {}
        for name, statement in statements.items():
            self.stop()
            self.evicted = self.evict()
            if name == "clew":
                self.start_server()
            else:
                self.start_engine(name)
            answer = self.ask(name, statement)
            figures[name] = answer["seconds"] * 1e3 if "seconds" in answer else None
        return figures

    def wanted(self, name):
        return not self.options.only or self.options.only in name

    def measure_searches(self, loaded):
        kinds = [kind for kind in searches.kinds(loaded) if self.wanted(kind.name)]
        figures = {}
        self.start()
        for kind in kinds:
            warm = self.warm_search(kind)
            self.say(f"{kind.name}: p50 {warm['p50']:.1f} ms, p99 {warm['p99']:.1f} ms")
            for difference in filter(None, warm.get("differences", [])):
                self.say(f"WRONG: {difference}")
            figures[kind.name] = {"target_ms": kind.target_ms, "warm": warm}
        for kind in kinds if self.options.cold else []:
            figures[kind.name]["cold"] = self.cold_search(kind)
            self.say(f"{kind.name}, cold: p50 {figures[kind.name]['cold']['p50']:.1f} ms")
        self.stop()
        return figures

    def measure_questions(self, loaded):
        others = {name: questions.of_engine(name) for name in ENGINES}
        asked = {}
        for number, (title, statement) in questions.documented().items():
            if self.wanted(f"question {number}"):
                statements = {"clew": statement, **{name: others[name][number] for name in ENGINES}}
                trace_id = loaded["trace_ids"][0]
                asked[number] = title, {name: text.replace("TRACE", trace_id) for name, text in statements.items()}
        figures = {}
        self.start()
        versions = {name: engine.version for name, engine in self.engines.items()}
        for number, (title, statements) in asked.items():
            warm = self.warm_question(number, statements)
            figures[number] = {"title": title, "warm": warm}
            for name, of in warm.items():
                self.say(f"question {number}, {name}: " + (of["error"][:200] if "error" in of else f"{of['p50']:.0f} ms"))
                if of.get("difference"):
                    self.say(f"WRONG: {of['difference']}")
        for number, (_, statements) in asked.items() if self.options.cold else []:
            figures[number]["cold"] = self.cold_question(statements)
            self.say(f"question {number}, cold: {figures[number]['cold']}")
        self.stop()
        return figures, versions

    def run(self):
        loaded = self.load()
        figures = {"loaded": loaded, "disk_ms": fsync_ms(self.folder)}
        figures["searches"] = self.measure_searches(loaded)
        figures["questions"], figures["versions"] = self.measure_questions(loaded)
        version = subprocess.run([self.options.clew, "--version"], check=True, stdout=subprocess.PIPE, text=True)
        figures["versions"]["clew"] = version.stdout.strip()
        figures["evicted"] = getattr(self, "evicted", None)
        return figures


def bounded(path, condition):
    """The request that the page of the UI waits for: the total may be a lower bound."""
    return f"{path}&total=bound" if condition else path


def get(connection, path):
    """Seconds and body of a request, as the client sees them."""
    started = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    seconds = time.perf_counter() - started
    if answer.status != 200:
        raise SystemExit(f"{path}: {answer.status} {body[:500]}")
    return seconds, body


def wait_until_complete(connection, path):
    """Seconds until the answer is no longer labelled as incomplete."""
    started = time.monotonic()
    while not json.loads(get(connection, path)[1])["coverage"]["complete"]:
        if time.monotonic() - started > COMPLETE_SECONDS_MAX:
            raise SystemExit(f"{path}: not complete after {COMPLETE_SECONDS_MAX} s")
        time.sleep(0.1)
    return time.monotonic() - started


def summary(times):
    times = sorted(times)
    return {"count": len(times), "p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100], "max": times[-1]}


def bytes_of(folder, pattern):
    return sum(path.stat().st_size for path in folder.glob(pattern) if path.is_file())


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=10_000_000, help="spans to load, in steps of 200,000")
    parser.add_argument("--data", help="folder that is kept: loaded if it is empty, else used as it is; a temporary one if absent")
    parser.add_argument("--work", default=None, help="where the temporary folder is made")
    add_programs(parser)
    parser.add_argument("--warm", type=int, default=200, help="measured requests of each kind")
    parser.add_argument("--cold", type=int, default=20, help="requests of each kind to a server just started; 0 leaves cold runs out")
    parser.add_argument("--counted", type=int, default=5, help="searches of each kind that count all, and that the other engines answer")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds of each question, at most")
    parser.add_argument("--sql-seconds", type=float, default=10, help="an engine is not asked again after this time with one question")
    parser.add_argument("--threads", type=int, default=2, help="threads of the other engines; Clew has 2 unless configured otherwise")
    parser.add_argument(
        "--evict",
        choices=["auto", "machine", "data"],
        default="auto",
        help="what cold runs take out of the page cache: everything, which needs root, or the data only; auto does what is possible",
    )
    parser.add_argument("--only", help="kinds of search and questions whose name contains this; writes nothing")
    parser.add_argument("--quick", action="store_true", help="200,000 spans and few requests; writes nothing")
    parser.add_argument("--json", help="also write the figures to this file")
    options = parser.parse_args()
    find_programs(options)
    if options.quick:
        options.spans, options.warm, options.cold, options.counted, options.rounds = 200_000, 10, 1, 2, 1
    options.started = time.monotonic()
    return options


def main():
    options = arguments()
    bench = Bench(options)
    try:
        figures = bench.run()
    finally:
        bench.stop()
        if not options.data:
            shutil.rmtree(bench.folder, ignore_errors=True)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(figures, indent=2))
    text = search_page.page(figures, options)
    if options.quick or options.only:
        print(text)
    else:
        (ROOT / "docs/benchmarks-search.md").write_text(text)


if __name__ == "__main__":
    main()
