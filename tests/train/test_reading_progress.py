import sys

from train import reading_progress
from train.reading_progress import ReadingProgress


def test_lines_now_and_then(monkeypatch, capsys):
    clock = iter([0.0, 1.0, 31.0, 32.0, 62.0])
    monkeypatch.setattr(reading_progress.time, "monotonic", lambda: next(clock))
    progress = ReadingProgress()
    for done in (1, 2, 3, 4000):
        progress(done, 20_000)
    expected = ["Reading image files: 2 of 20,000", "Reading image files: 4,000 of 20,000"]
    assert capsys.readouterr().err.splitlines() == expected


def test_quick_reading_goes_without_a_word(capsys):
    progress = ReadingProgress()
    for done in range(1, 11):
        progress(done, 10)
    assert capsys.readouterr().err == ""


def test_a_terminal_has_one_line_which_is_finished(monkeypatch, capsys):
    clock = iter([0.0, 0.6, 0.7])
    monkeypatch.setattr(reading_progress.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress = ReadingProgress()
    for done in (1, 2, 3):
        progress(done, 3)
    assert capsys.readouterr().err == (
        "\rReading image files: 1 of 3\rReading image files: 3 of 3\n"
    )
