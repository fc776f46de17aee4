"""Timed requests to a server, as a client on one connection sees them."""

import time

from suite.bench import percentiles


def timed(connection, method, path, body=None, headers=None):
    """Milliseconds of one request."""
    started = time.perf_counter()
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{path}: {answer.status} {text[:200]}")
    return (time.perf_counter() - started) * 1e3


def look_ups(server, paths, headers=None):
    """One request after the other."""
    connection = server.connect()
    times = [timed(connection, "GET", path, headers=headers) for path in paths]
    connection.close()
    return percentiles(times)
