"""The stages up to the first step, at a size that takes seconds."""

import pytest

from benchmarks import first_step


@pytest.mark.parametrize(
    "flags, stages",
    [
        (
            ["--average", "--train_steps=1"],
            [
                *("import", "build model and optimizer", "initialise", "trace", "step 1"),
                *("save a checkpoint", "free memory given back"),
            ],
        ),
        (
            ["--fit", "--train_steps=2"],
            [
                *("import", "build", "initialise", "step 1, by fit, traced", "step 2, by fit"),
                *("save as .keras", "free memory given back"),
            ],
        ),
    ],
)
@pytest.mark.slow
def test_prints_a_line_a_stage(flags, stages, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["first_step", "--size=tiny", *flags])
    first_step.main()
    header, _, *lines, _, by_shapes = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[0] for row in rows] == stages
    assert {len(row) for row in rows} == {header.count("|") - 1}
    # The clock of the process goes on.
    since_start = [float(row[2]) for row in rows]
    assert since_start == sorted(since_start) and since_start[0] > 0
    assert by_shapes.startswith("By their shapes, MB: weights ")


def test_refuses_in_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["first_step", "--train_steps=0"])
    with pytest.raises(SystemExit):
        first_step.main()
    sentence = "--train_steps must be at least 1, got 0"
    assert capsys.readouterr().err.splitlines()[-1].endswith(sentence)
