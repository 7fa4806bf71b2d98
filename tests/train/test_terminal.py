import fcntl
import os
import struct
import sys
import termios

import pytest

from train.progress import Progress
from train.terminal import shows_bars


@pytest.fixture
def of_columns(monkeypatch):
    """Makes standard error a terminal of so many columns."""
    ours, theirs = os.openpty()

    def make(columns):
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        monkeypatch.setattr(sys, "stderr", stream)

    with open(theirs, "w") as stream:
        yield make
    os.close(ours)


def test_a_terminal_shows_bars(of_columns):
    of_columns(80)
    assert shows_bars()


def test_one_without_columns_gets_lines(of_columns, monkeypatch, capsys):
    of_columns(0)
    assert not shows_bars()
    now = [50.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    progress = Progress(10, 0, batch_size=4)
    for _ in range(3):
        now[0] += 100
        progress.step(1, 2.5)
    progress.close()
    assert "epoch 1 · step 2/10 · 2.5000 bits/dim" in capsys.readouterr().out


def test_a_file_shows_none(monkeypatch, tmp_path):
    with open(tmp_path / "log", "w") as log:
        monkeypatch.setattr(sys, "stderr", log)
        assert not shows_bars()
