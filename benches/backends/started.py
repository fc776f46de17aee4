"""A backend that is started here, on free ports of the loopback interface and on a folder of its own."""

import os
import pathlib
import subprocess
import time

from backends.peer import Peer, free_ports, get
from process import Process


class Started(Peer):
    """What the kinds have in common. A kind names its program, its ports, its files and its command."""

    restartable = True
    #: File name of the program.
    program = ""
    #: Its ports, with the numbers that are shown in the settings.
    ports = {}
    #: Where it says that it is ready: a port and a path, answered with 200.
    ready = ("http", "/")
    #: How the program says its version.
    version_arguments = ["--version"]

    def __init__(self, program, folder):
        self.path = str(program)
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        # A restart takes the same ports.
        self.chosen = dict(zip(self.ports, free_ports(len(self.ports))))
        self.child = None
        self.version = self.ask_version(self.path)

    @classmethod
    def files(cls, ports, data):
        """Configuration files: name and text."""
        return {}

    @classmethod
    def command(cls, ports, data, folder):
        """Arguments of the program."""
        raise NotImplementedError

    @classmethod
    def settings_text(cls):
        """Files and command as they are shown, with the usual ports and places."""
        shown = [f"{cls.program} {' '.join(cls.command(cls.ports, '/data', '.'))}"]
        return "\n\n".join(shown + [f"# {name}\n{text.strip()}" for name, text in cls.files(cls.ports, "/data").items()])

    @classmethod
    def ask_version(cls, path):
        answer = subprocess.run([path, *cls.version_arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return cls.read_version(answer.stdout)

    @staticmethod
    def read_version(text):
        return text.strip().splitlines()[-1] if text.strip() else ""

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.chosen['otlp']}"

    @property
    def settings(self):
        return self.settings_text()

    def url(self, port, path=""):
        return f"http://127.0.0.1:{self.chosen[port]}{path}"

    def start(self):
        for name, text in self.files(self.chosen, str(self.data)).items():
            (self.folder / name).write_text(text)
        log = open(self.folder / "log", "ab")
        command = [self.path, *self.command(self.chosen, str(self.data), str(self.folder))]
        self.child = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, env=environment())
        self.process = Process(self.child.pid)
        port, path = self.ready
        end = time.monotonic() + 120
        while time.monotonic() < end:
            if self.child.poll() is not None:
                break
            try:
                if get(self.url(port, path))[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise SystemExit(f"{self.name} did not start; see {self.folder}/log")

    def stop(self):
        """Tells it to end, which it gets a minute for."""
        self.child.terminate()
        try:
            self.child.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        """Ends it at once; nothing when it has ended."""
        if self.child:
            self.child.kill()
            self.child.wait(60)


def environment():
    return {key: value for key, value in os.environ.items() if not key.startswith(("CLEW_", "OTEL_"))}
