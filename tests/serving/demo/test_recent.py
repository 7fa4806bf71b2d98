import numpy as np
import pytest

from serving.demo.recent import RecentArrays


def test_what_was_not_used_for_longest_goes_first():
    recent = RecentArrays(30)
    for key in "abc":
        recent.put(key, np.full(10, ord(key), np.uint8))
    assert recent.get("a") is not None
    recent.put("d", np.zeros(4, np.uint8), np.zeros(6, np.uint8))
    assert recent.get("b") is None
    assert [len(recent.get(key)) for key in "acd"] == [1, 1, 2]
    np.testing.assert_array_equal(recent.get("c")[0], np.full(10, ord("c")))


def test_the_same_key_again_takes_the_place_of_the_first():
    recent = RecentArrays(20)
    for value in range(5):
        recent.put("a", np.full(10, value, np.uint8))
    recent.put("b", np.zeros(10, np.uint8))
    assert recent.get("a")[0][0] == 4


def test_what_is_too_large_is_not_kept():
    recent = RecentArrays(10)
    recent.put("a", np.zeros(11, np.uint8))
    assert recent.get("a") is None
    recent.put("b", np.zeros(10, np.uint8))
    assert recent.get("b") is not None


def test_refuses():
    with pytest.raises(ValueError, match="`max_bytes` must be at least 1, got 0"):
        RecentArrays(0)
