import os
import subprocess
import sys

import pytest

from tests.conftest import REPO
from tfglow.tensorflow_log import LEVEL

INFO = "I0000 00:00:1795677654.107991   25995 port.cc:153] oneDNN custom operations are on.\n"
FATAL = "F0000 00:00:1795677654.107991   25995 cpu_feature_guard.cc:9] compiled to use AVX\n"


def python(code, level=None):
    """What a program writes in whose import of TensorFlow `code` stands."""
    environment = {name: value for name, value in os.environ.items() if name != LEVEL}
    environment |= {} if level is None else {LEVEL: level}
    program = f"""
import os, sys
from tfglow.tensorflow_log import LEVEL, quiet_import
with quiet_import():
    os.write(2, {INFO!r}.encode())
    {code}
print(os.environ[LEVEL], file=sys.stderr)
"""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPO,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("level", "shown"),
    [(None, "a word\n2\n"), ("0", f"{INFO}a word\n0\n"), ("3", "a word\n3\n")],
)
def test_shows_what_was_asked_for(level, shown):
    done = python("sys.stderr.write('a word\\n')", level)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", shown)


def test_an_error_is_raised_as_ever():
    done = python("raise ImportError('no such library')")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ImportError: no such library\n")


def test_the_last_words_of_a_process_that_ends_there_are_heard():
    """Such as where TensorFlow was built for another processor."""
    done = python(f"os.write(2, {FATAL!r}.encode()); os.abort()")
    assert done.returncode < 0
    assert done.stderr == FATAL


def test_a_program_without_standard_error_starts():
    program = "from tfglow.tensorflow_log import quiet_import\nwith quiet_import(): print('here')"
    done = subprocess.run(
        f'{sys.executable} -c "{program}" 2>&-',
        shell=True,
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "here\n")
