import pytest

from benchmarks import eager
from benchmarks.sizes import SIZES


@pytest.mark.slow
def test_every_method_is_timed_eagerly_and_in_a_graph(monkeypatch, capsys):
    calls = eager.measure(SIZES["tiny"], repeats=2)
    assert [name.partition(".")[0] for name in calls] == ["glow"] * 5
    for call in calls.values():
        assert call.first > 0
        assert len(call.eager.wall) == len(call.graph.wall) == 2
    monkeypatch.setattr("sys.argv", ["eager"])
    monkeypatch.setattr(eager, "measure", lambda size, repeats: calls)
    eager.main()
    _, _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split("`")[1] for line in lines] == list(calls)
