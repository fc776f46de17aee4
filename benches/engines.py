"""The other engines, each in a process of its own, so that neither their memory nor their threads are in the way of another."""

import json
import subprocess

from server import ROOT


def python():
    """The interpreter of the environment that has them; it is made when it is not there."""
    command = [ROOT / "scripts/python-env", "search-engines", ROOT / "benches/requirements.txt"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip() + "/bin/python"


class Engine:
    """A running `engine.py`."""

    def __init__(self, interpreter, name, folder, threads, seconds_max):
        command = [interpreter, ROOT / "benches/engine.py", name, folder, str(threads), str(seconds_max)]
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.version = self._answer()["version"]

    def ask(self, statement):
        """Its answer to a statement, or to `load`: `rows`, `seconds`, `cpu_seconds`, or `error`."""
        self.process.stdin.write(json.dumps(statement) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended; its complaint stands above")
        return json.loads(line)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(60)
