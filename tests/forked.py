"""Scripts as processes of their own, without the five seconds that importing TensorFlow takes.

Each is forked from one process that has imported it and computed nothing. That a script also starts
from nothing, in any folder, is checked where `subprocess` is used.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from multiprocessing import forkserver
from pathlib import Path

import pytest

from tests.lean_graphs import trace_without_stacks

_IMPORTED = ["tensorflow", "tensorflow_probability", "tensorflow_datasets"]


class Forked:
    """`python script arguments`, with the interface of `subprocess.Popen`; to be closed by `with`.

    Args:
      script: The script's path.
      arguments: Its arguments.
      cwd: The folder that it runs in.
      environment: What its environment has besides the tests' own.
    """

    def __init__(
        self,
        script: Path,
        *arguments: str,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
    ):
        self._script = script
        self._files = [Path(tempfile.mkstemp(prefix="output")[1]) for _ in range(2)]
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_IMPORTED)
        with pytest.MonkeyPatch.context() as patch:
            # As the scripts set it before they import TensorFlow.
            patch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
            forkserver.ensure_running()
        command = [str(word) for word in (script, *arguments)]
        self._process = context.Process(
            target=_run,
            args=(command, str(cwd), {**os.environ, **(environment or {})}, self._files),
        )
        self._process.start()

    def __enter__(self) -> "Forked":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._process.join()
        for file in self._files:
            file.unlink()

    @property
    def returncode(self) -> int | None:
        """The exit status, or minus the signal that ended it; None while it runs."""
        return self._process.exitcode

    poll = returncode.fget

    def first_line(self) -> str:
        """The first line of its standard output; what there is of it where the process ends."""
        while True:
            ended = self.returncode is not None
            text = self._files[0].read_text()
            if ended or "\n" in text:
                return text.partition("\n")[0]
            time.sleep(0.02)

    def send_signal(self, number: int) -> None:
        """Sends a signal, if it runs."""
        if self.returncode is None:
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Standard output and standard error, once it has ended.

        Raises:
          TimeoutExpired: If it has not by then.
        """
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(str(self._script), timeout)
        output, errors = (file.read_text() for file in self._files)
        return output, errors


def _run(command: list[str], cwd: str, environment: dict[str, str], files: list[Path]) -> None:
    """What the forked process does."""
    sys.stdout.flush()
    for number, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY), number)
    sys.stdout, sys.stderr = open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = command
    trace_without_stacks()
    sys.path.insert(0, str(Path(command[0]).parent))
    runpy.run_path(command[0], run_name="__main__")
