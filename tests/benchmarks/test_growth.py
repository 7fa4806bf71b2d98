"""Curves of what training costs, with contestants that only count."""

import pytest

from benchmarks import growth
from benchmarks.peers.comparison import Entry
from benchmarks.sizes import SIZES

SECONDS = {"a": iter([9.0, 5.0, 1.0, 2.0, 4.0]), "b": iter([8.0, 5.0, 3.0, 4.0, 4.0])}


class Counted:
    """A contestant whose seconds are given."""

    def __init__(self, entry, size, python, cores, environment):
        self.label = entry.label

    def ask(self, question):
        if question == "memory":
            return {"peak": 150.0, "bare": 100.0 if self.label == "a" else 30.0}
        seconds = next(SECONDS[self.label])
        return {"wall": seconds, "cpu": 2 * seconds, "loss": 1.0}

    def close(self):
        pass


def test_rows_are_ratios_of_one_run(monkeypatch):
    monkeypatch.setattr(growth, "ContestantProcess", Counted)
    entries = [Entry("a", "tfglow"), Entry("b", "limit")]
    a, b = growth.measure(entries, SIZES["tiny"], 3, "python", [0])
    assert a == {
        "label": "a",
        "ms_an_image": 1000.0,  # 2 seconds for 2 images.
        "speed": {"wall": 2.0, "cpu": 2.0},  # The median of 3, 2 and 1.
        "first_step_s": 9.0,
        "peak_above_bare_mb": 50.0,
    }
    assert growth.line("x: 1", [a, b]) == (
        "| x: 1 | 1000.0, 2000.0 | 2.00 (2.00) | 9.0, 8.0 | 50, 120 |"
    )
    assert (b["speed"]["wall"], b["first_step_s"], b["peak_above_bare_mb"]) == (1.0, 8.0, 120.0)


@pytest.mark.parametrize("curve", growth.CURVES)
def test_a_curve_changes_one_number_of_a_size(curve):
    sizes = list(growth.CURVES[curve].values())
    field = {"steps": "steps", "side": "side", "batch": "batch_size"}[curve]
    assert [getattr(size, field) for size in sizes] == list(growth.CURVES[curve])
    assert len({(s.levels, s.width) for s in sizes}) == 1
