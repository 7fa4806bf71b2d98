"""Runs the code blocks of a page as a reader would: one after the other, in one folder."""

import contextlib
import doctest
import glob
import importlib
import io
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from serving.demo.config import DemoConfig
from serving.embedded.config import ServerConfig
from tests.docs.page_blocks import RUN, Block, blocks
from tests.forked import Forked
from tests.source_imports import ROOT

# What a page finds in the folder that it runs in. `docs` is not there: a page writes no pictures
# into the checkout.
LINKS = ("benchmarks", "examples", "export", "serving", "tests", "train")
# These answer until they are stopped: processes of their own, with the flag of their port.
# Their default ports are the ones that a page has to name: it runs with others in their place.
SERVERS = {"serving/server.py": ServerConfig.port, "serving/demo.py": DemoConfig.port}
_SHELL = re.compile(r"[|<>;`]|\$\(")


class PageRun:
    """Runs a page; ends the servers that it started when the `with` is left."""

    def __init__(self, page: Path, folder: Path):
        self._page, self._folder = page, folder
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._ports: dict[int, int] = {}
        self._servers = contextlib.ExitStack()
        self._printed = ""

    def __enter__(self) -> "PageRun":
        for name in LINKS:
            link = self._folder / name
            if not link.is_symlink():  # A page that goes on with another's files finds it there.
                link.symlink_to(ROOT / name)
        return self

    def __exit__(self, *_) -> None:
        self._servers.close()

    def run(self) -> int:
        """Runs all blocks; returns how many ran."""
        count = 0
        for block in blocks(self._page.read_text(encoding="utf-8")):
            if block.is_output:
                self._compare(block)
            elif block.language in RUN and not block.not_run:
                self._run(block)
                count += 1
        return count

    def _run(self, block: Block) -> None:
        source = re.sub(r"localhost:(\d+)", self._own_port, block.source)
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                if block.language == "python":
                    # Blank lines in front: a failure shows the page's own line.
                    code = compile("\n" * (block.line - 1) + source, str(self._page), "exec")
                    exec(code, self._names)
                else:
                    self._shell(source)
        except BaseException as error:
            error.add_note(f"in {self._page.relative_to(ROOT)}, block of line {block.line}")
            raise
        finally:
            self._printed = printed.getvalue()
            sys.stdout.write(self._printed)

    def _compare(self, block: Block) -> None:
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        if not doctest.OutputChecker().check_output(block.source, self._printed, flags):
            raise AssertionError(
                f"{self._page.name}, line {block.line}: the page shows\n{block.source}\n"
                f"but the block before it prints\n{self._printed}"
            )

    def _shell(self, source: str) -> None:
        for line in source.replace("\\\n", " ").splitlines():
            if _SHELL.search(line):
                self._process(line)
                continue
            lexer = shlex.shlex(line, posix=True, punctuation_chars="&")
            lexer.whitespace_split = True
            command: list[str] = []
            for token in [*lexer, "&&"]:
                if token in ("&&", "&"):
                    if command:
                        self._command(command)
                    command = []
                else:
                    command += sorted(glob.glob(token)) or [token]

    def _command(self, words: list[str]) -> None:
        program, *arguments = words
        if program == "pip":
            return  # .ci/run installs.
        if program == "cd":
            os.chdir(*arguments)
        elif program == "python" and arguments[0] in SERVERS:
            self._serve(*arguments)
        elif program == "python" and arguments[0].endswith(".py"):
            if arguments[0] == "serving/client.py" and not re.search("--server", shlex.join(words)):
                arguments.append(f"--server=localhost:{self._port(ServerConfig.port)}")
            self._main(arguments[0].removesuffix(".py").replace("/", "."), arguments[1:])
        elif words[:2] == ["python", "-m"]:
            name = arguments[1]
            package = (ROOT / name.replace(".", "/")).is_dir()
            self._main(f"{name}.__main__" if package else name, arguments[2:])
        else:
            self._process(shlex.join(words))

    def _main(self, module: str, arguments: list[str]) -> None:
        """The command's own `main`, in this process, where TensorFlow is imported already."""
        module = {"serving.client": "serving.client.cli"}.get(module, module)
        try:
            status = importlib.import_module(module).main(arguments)
        except SystemExit as exit_:
            status = exit_.code
        if status:
            raise RuntimeError(f"{module} {shlex.join(arguments)} ended with {status!r}")

    def _process(self, line: str) -> None:
        path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        print(done.stdout, end="")
        if done.returncode:
            raise RuntimeError(f"{line!r} ended with {done.returncode}: {done.stderr}")

    def _serve(self, script: str, *flags: str) -> None:
        """Starts a server on a port of its own, and waits for the line that says where."""
        if not any(flag.startswith("--port=") for flag in flags):
            flags = (*flags, f"--port={self._port(SERVERS[script])}")
        rest = [
            f"--rest_api_port={self._port(int(f.split('=')[1]))}" for f in flags if "rest_" in f
        ]
        flags = (*(f for f in flags if "rest_api_port" not in f), *rest)
        server = self._servers.enter_context(Forked(ROOT / script, *flags, cwd=Path.cwd()))
        line = server.first_line()
        if not line:
            raise RuntimeError(f"{script} did not start: {server.communicate(timeout=30)[1]}")
        print(line)

    def _own_port(self, found: re.Match) -> str:
        return f"localhost:{self._port(int(found[1]))}"

    def _port(self, written: int) -> int:
        """A free port in place of the one that the page names."""
        if written not in self._ports:
            with socket.socket() as probe:
                probe.bind(("localhost", 0))
                self._ports[written] = probe.getsockname()[1]
        return self._ports[written]
