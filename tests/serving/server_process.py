"""`python serving/server.py` as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class ServerProcess:
    """Starts the server and waits until it is ready; ended when the `with` is left."""

    def __init__(self, base: Path, *flags: str):
        script = ROOT / "serving" / "server.py"
        command = [sys.executable, script, f"--model_base_path={base}", "--port=0"]
        self.process = subprocess.Popen(
            [*command, *flags],
            cwd=base,  # The script runs from any folder.
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # As a user starts it, without the tests' own paths.
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        )

    def __enter__(self) -> "ServerProcess":
        line = self.process.stdout.readline()
        if " is served at " not in line:
            raise RuntimeError(f"the server did not start: {line}{self.process.stderr.read()}")
        self.address = line.split()[-1]
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.communicate()

    def stop(self, number: int, seconds: float = 30.0) -> tuple[int, str]:
        """Sends a signal; returns the exit status and standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=seconds)
        return self.process.returncode, errors
