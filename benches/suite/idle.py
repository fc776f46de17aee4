"""Memory and start of a server that has nothing to do."""

import time

NAME = "idle"


def measure(bench):
    server = bench.server()
    time.sleep(bench.options.seconds / 4)
    figures = {"idle_mb": server.memory_mb("VmRSS"), "empty_start_seconds": server.start_seconds}
    bench.end(server)
    return figures


def page(figures):
    return f"""## Idle

On an empty directory it is ready after {figures['empty_start_seconds'] * 1e3:.0f} ms and holds {figures['idle_mb']:.0f} MB of memory.
"""


def charts(figures):
    return {}
