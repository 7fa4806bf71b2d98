"""The table of compile times, at a size that takes seconds, without XLA."""

import pytest

from benchmarks import compile_time


@pytest.mark.slow
def test_prints_a_line_for_each_form_and_depth(monkeypatch, capsys):
    flags = ["--size=tiny", "--depths=1,2", "--forms=loop", "--no_jit_compile", "--repeats=1"]
    monkeypatch.setattr("sys.argv", ["compile_time", *flags])
    compile_time.main()
    header, _, *lines = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[:3] for row in rows] == [["loop", "1", "–"], ["loop", "2", "–"]]
    assert {len(row) for row in rows} == {header.count("|") - 1}
    assert all(float(row[-1]) > 0 for row in rows)


def test_counts_instructions_of_all_computations():
    text = "%add {\n  %a = f32[] parameter(0)\n}\n\nENTRY %main {\n  ROOT %b = f32[] add(%a, %a)\n}"
    assert compile_time.instructions_of(text) == 2
