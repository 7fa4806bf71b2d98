import contextlib
import math
import sys
import time

import pytest

from tfglow.writing import UnwritableFile
from train.progress import Progress, ProgressLines, Speed, time_left


def test_speed_leaves_out_the_first_step_and_what_came_before_a_restart(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    speed = Speed(batch_size=8)
    assert math.isnan(speed.images_per_second)
    now[0] += 60  # Tracing.
    speed.step()
    assert math.isnan(speed.images_per_second)
    for _ in range(3):
        now[0] += 0.5
        speed.step()
    assert speed.images_per_second == pytest.approx(16.0)
    now[0] += 10  # Evaluating.
    speed.restart()
    now[0] += 0.25
    speed.step()
    assert speed.images_per_second == pytest.approx(32.0)


def test_an_output_on_a_full_disk_is_one_sentence(monkeypatch):
    message = r"^Cannot write 'standard output': No space left on device\.$"
    with contextlib.suppress(OSError), open("/dev/full", "w") as full:  # It is closed in vain too.
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(UnwritableFile, match=message):
            Progress.print("epoch 1")


def test_without_a_terminal_there_is_no_bar(capsys):
    progress = Progress(10, 3, batch_size=4)
    progress.step(1, 2.5)
    progress.print("a line")
    progress.close()
    assert capsys.readouterr() == ("a line\n", "")


def test_on_a_terminal_it_shows_the_numbers(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    progress = Progress(10, 4, batch_size=4)
    progress.step(2, 2.5)
    progress.close()
    text = capsys.readouterr().err
    assert "epoch 2" in text
    assert "2.500 bits/dim" in text
    assert "20.0/40.0" in text


def lines_at(seconds, monkeypatch, batch_size=4):
    """The lines of 1000 steps of so many images each, so many seconds a step."""
    now = [50.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    lines = ProgressLines(1000, 0, batch_size)
    found = {}
    for step in range(1, 1001):
        now[0] += seconds
        line = lines.step(1, 2.5)
        if line:
            found[step] = line
    return found


def test_without_a_terminal_there_is_a_line_at_growing_intervals(monkeypatch):
    found = lines_at(1.0, monkeypatch)
    # After the first step 30 s, then 45, 67.5, ...
    assert list(found)[:4] == [31, 76, 144, 246]
    assert found[31] == "epoch 1 · step 31/1000 · 2.5000 bits/dim · 4 images/s · 16 min left"
    assert "· 1240 images/s ·" in lines_at(1.0, monkeypatch, 1240)[31]
    assert "· 0.04 images/s ·" in lines_at(100.0, monkeypatch)[2]
    assert lines_at(0.01, monkeypatch) == {}
    steps = list(lines_at(500.0, monkeypatch))
    assert steps[-1] - steps[-2] == 2  # Ten minutes at the most, and never less than a step.


def test_a_terminal_gets_no_lines(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    now = [50.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    progress = Progress(10, 0, batch_size=4)
    for _ in range(10):
        now[0] += 1000
        progress.step(1, 2.5)
    progress.close()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("steps", "speed", "words"),
    [
        (10, 1.0, "40 s left"),
        (50, 1.0, "3 min left"),
        (3000, 1.0, "3 h left"),
        (300_000, 1.0, "14 days left"),
        (0, 1.0, "0 s left"),
        (10, float("nan"), "time left unknown"),
    ],
)
def test_time_left_in_words(steps, speed, words):
    assert time_left(steps, 4, speed) == words
