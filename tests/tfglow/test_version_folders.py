import pytest

from tfglow.version_folders import HIGHEST_VERSION, version_number


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("0", 0),
        ("1", 1),
        ("007", 7),
        ("+7", 7),
        (" 7\n", 7),
        (str(2**63 - 1), HIGHEST_VERSION),
        (str(2**63), HIGHEST_VERSION + 1),
        ("9" * 200, int("9" * 200)),
        ("", None),
        ("-1", None),
        ("1.0", None),
        ("1e3", None),
        ("0x10", None),
        ("1_000", None),
        ("++1", None),
        ("1 2", None),
        ("٣", None),
        ("²", None),
        ("1\xa0", None),
        ("v1", None),
        (".unfinished-1", None),
    ],
)
def test_names(name, number):
    assert version_number(name) == number
