import json

import numpy as np

from benchmarks.measuring import alternate, ratio_line, write_json


def test_functions_run_in_turn():
    calls = []
    times = alternate([lambda: calls.append("a"), lambda: calls.append("b")], 3, warm_up=1)
    assert "".join(calls) == "abababab"
    assert [len(seconds) for function in times for seconds in function] == [3] * 4
    assert all(np.all(seconds.wall > 0) for seconds in times)


def test_a_ratio_is_of_runs_side_by_side():
    line = ratio_line("a / b", np.array([2.0, 3.0, 8.0]), np.array([1.0, 1.0, 2.0]))
    assert line == "a / b: 3.000 (quartiles 2.500 to 3.500, 3 runs)"


def test_json_is_written_whole(tmp_path):
    path = tmp_path / "report.json"
    write_json(path, {"a": [1.5]})
    assert json.loads(path.read_text()) == {"a": [1.5]}
    assert list(tmp_path.iterdir()) == [path]
