import io

import pytest

from serving.printable import printable, say


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, déjà vu, 日本 ", "plain, déjà vu, 日本 "),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("one\r\ntwo\ttabs", r"one\r\ntwo\ttabs"),
        ("\x00\x7f\x85\x9b31m", r"\x00\x7f\x85\x9b31m"),
        ("a\u202eb\u2066c\u200bd\ufeff", r"a\u202eb\u2066c\u200bd\ufeff"),
        ("line\u2028para\u2029", r"line\u2028para\u2029"),
        ("\ud800\U000e0041", r"\ud800\U000e0041"),
    ],
)
def test_what_a_terminal_would_act_on_is_escaped(text, shown):
    assert printable(text) == shown
    assert printable(shown) == shown


def test_what_is_too_long_is_cut_and_counted():
    assert printable("abcdef", 4) == "abcd... (and 2 characters more)"
    assert printable("\n\n\n", 3) == r"\n\n\n"


def test_letters_that_a_terminal_lacks_are_escaped():
    content = io.BytesIO()
    terminal = io.TextIOWrapper(content, "latin-1", write_through=True)
    say("é日\x1b", terminal)
    assert content.getvalue() == b"\xe9\\u65e5\\x1b\n"
