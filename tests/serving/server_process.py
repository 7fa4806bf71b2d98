"""`python serving/server.py` as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

from tests.forked import Forked

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "serving" / "server.py"


class ServerProcess:
    """Starts the server and waits until it is ready; ended when the `with` is left."""

    def __init__(self, base: Path, *flags: str):
        self.process = self._start(base, [f"--model_base_path={base}", "--port=0", *flags])

    def _start(self, base, flags):
        return Forked(SCRIPT, *flags, cwd=base)  # The script runs from any folder.

    def _first_line(self):
        return self.process.first_line()

    def __enter__(self) -> "ServerProcess":
        line = self._first_line()
        if " is served at " not in line:
            _, errors = self.process.communicate(timeout=30)
            raise RuntimeError(f"the server did not start: {line}{errors}")
        self.address = line.split()[-1]
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.__exit__(*exception)

    def stop(self, number: int, seconds: float = 30.0) -> tuple[int, str]:
        """Sends a signal; returns the exit status and standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=seconds)
        return self.process.returncode, errors


class UsersServerProcess(ServerProcess):
    """As a user starts it: not forked, and without the tests' own paths."""

    def _start(self, base, flags):
        return subprocess.Popen(
            [sys.executable, SCRIPT, *flags],
            cwd=base,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        )

    def _first_line(self):
        return self.process.stdout.readline()
