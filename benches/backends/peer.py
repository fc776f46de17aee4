"""A backend to be measured beside Clew: what every one of them can be asked."""

import http.client
import json
import socket
import urllib.parse


class Peer:
    """A backend that listens, with one process and one data folder."""

    name = ""
    version = ""
    #: Protocol of the load generator: grpc or http.
    protocol = "grpc"
    #: What lies on stable storage when a request is answered.
    durable = ""
    #: What it leaves out that others do before they answer, or how its figures have to be read.
    remark = ""
    #: How it was started, to be shown.
    settings = ""
    #: Address for OTLP, for the load generator.
    endpoint = ""
    #: A `process.Process`.
    process = None
    #: Folder of its data.
    data = ""
    #: It can be ended and started again on its data.
    restartable = False

    def spans_of(self, trace_id):
        """Number of spans that its own API shows of a trace; 0 when it has none."""
        raise NotImplementedError

    def dropped(self):
        """Spans that were acknowledged and then dropped, by its own counters; 0 where it has none."""
        return 0


def get(url):
    """Status and body of a request."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    try:
        connection.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def found(url):
    """What a request for one thing answers, from JSON; None when there is no such thing."""
    status, body = get(url)
    if status == 404:
        return None
    if status != 200:
        raise OSError(f"{url} answers {status}")
    return json.loads(body)


def spans_by_jaeger(base, trace_id):
    """Spans of a trace by Jaeger's JSON API."""
    answer = found(f"{base}/api/traces/{trace_id}") or {}
    return sum(len(trace["spans"]) for trace in answer.get("data") or [])


def spans_by_tempo(base, trace_id):
    """Spans of a trace by Tempo's API."""
    answer = found(f"{base}/api/v2/traces/{trace_id}") or {}
    trace = answer.get("trace") or {}
    groups = trace.get("resourceSpans") or trace.get("batches") or []
    return sum(len(scope.get("spans") or []) for group in groups for scope in group.get("scopeSpans") or [])


def counter(url, name):
    """Sum of the values of a Prometheus counter."""
    total = 0.0
    for line in get(url)[1].decode().splitlines():
        if line.split(" ")[0].split("{")[0] == name:
            total += float(line.split()[-1])
    return total


def free_ports(count):
    """Ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
