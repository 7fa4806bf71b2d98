import math
import time

import pytest

from train.progress import Progress, Speed


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
