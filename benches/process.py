"""CPU time and memory of a process, from /proc, and the space that a folder takes."""

import os
import pathlib
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """A running process by its id."""

    def __init__(self, pid):
        self.pid = pid

    def cpu_seconds(self):
        """User and system time so far."""
        return named_cpu(pathlib.Path(f"/proc/{self.pid}/stat"))[1]

    def thread_cpu_seconds(self, name):
        """User and system time so far of the threads called `name` that live."""
        threads = map(named_cpu, pathlib.Path(f"/proc/{self.pid}/task").glob("*/stat"))
        return sum(seconds for called, seconds in threads if called == name)

    def memory_mb(self, name):
        """A line of /proc/PID/status: VmRSS is the memory now, VmHWM its peak, RssAnon what is not a file in it."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024 / 1e6
        raise KeyError(name)

    def forget_peak(self):
        """Lets VmHWM count from now on."""
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def rest(self, patience, share=0.05, window=3.0):
        """Waits until the process took at most `share` of a core for `window` seconds; says whether it came to rest in time."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            before = self.cpu_seconds()
            time.sleep(window)
            if self.cpu_seconds() - before <= share * window:
                return True
        return False


def named_cpu(stat):
    """The name in a file `stat` of /proc, and user and system time so far in seconds."""
    head, _, rest = stat.read_text().rpartition(")")
    fields = rest.split()
    return head.partition("(")[2], (int(fields[11]) + int(fields[12])) / TICKS


def busy_seconds():
    """Time that all processors worked since the machine started, whoever had them."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8]]
    user, nice, system, _idle, _waiting, interrupts, soft = fields
    return (user + nice + system + interrupts + soft) / TICKS


class AnonymousPeak:
    """Largest RssAnon of a process while the block runs: its memory without the files that it maps."""

    def __init__(self, process, every=0.1):
        self.process = process
        self.every = every
        self.peak_mb = 0.0
        self.ended = threading.Event()
        self.watcher = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.ended.wait(self.every):
            try:
                self.peak_mb = max(self.peak_mb, self.process.memory_mb("RssAnon"))
            except (OSError, KeyError):
                return

    def __enter__(self):
        self.watcher.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.watcher.join()


def disk_bytes(folder):
    """Bytes that the files of a folder take on the disk; holes in them do not count."""
    total = 0
    for path in pathlib.Path(folder).rglob("*"):
        try:
            if path.is_file() and not path.is_symlink():
                total += path.stat().st_blocks * 512
        except FileNotFoundError:
            pass
    return total
