"""JSON read by pieces against Python's own parser."""

import json
import random

import pytest

from serving.embedded.request_checks import RequestError
from serving.embedded.rest_json import JsonWalker


def walked(text, longest=1000, most=100):
    """The text's value, read member by member and element by element."""
    walker = JsonWalker(text, longest, most)
    value = _walk(walker)
    walker.end()
    return value


def _walk(walker):
    if walker.peek() == "{":
        return {name: _walk(walker) for name in walker.members()}
    if walker.peek() == "[":
        return walker.elements(lambda: _walk(walker))
    return walker.value()


@pytest.mark.parametrize(
    "value",
    [{}, [], {"a": []}, [[], {}], {"a": {"b": [1, 2.5, 'x\n"]}', None, True]}, "c": -1e-3}, ["é€"]],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_it_is_what_python_reads(value, indent):
    assert walked(json.dumps(value, indent=indent)) == value
    assert walked(f"\r\n\t {json.dumps(value, ensure_ascii=False)} \n") == value


def test_what_python_refuses_is_refused_too():
    text = json.dumps({"a": [1, {"b": None}, "x", [True, 2.5]], "c": {"d": "e"}})
    draw = random.Random(0)
    refused = 0
    for _ in range(3000):
        characters = list(text)
        for _ in range(draw.randint(1, 3)):
            characters[draw.randrange(len(text))] = draw.choice('[]{},:"\\ 1.-eNtx\n')
        damaged = "".join(characters)
        try:
            expected = json.loads(damaged)
        except ValueError:
            refused += 1
            with pytest.raises(RequestError, match=r"^JSON Parse error: .* at offset: \d+$"):
                walked(damaged)
        else:
            assert walked(damaged) == expected
    assert 1000 < refused < 3000


@pytest.mark.parametrize(
    "text, reason",
    [
        ("[" * 10**6, "nested too deeply"),
        ('{"a":' * 10**5, "nested too deeply"),
        (f'["{"x" * 1000}"]', "one of more than 900 characters"),
        (f"[{'[1],' * 300}[1]]", "one of more than 900 characters"),
    ],
)
def test_what_is_parsed_in_one_piece_is_bounded(text, reason):
    with pytest.raises(RequestError, match=reason):
        JsonWalker(text, 900 if "deeply" not in reason else 10**7, 100).value()
    with pytest.raises(RequestError, match="too big"):
        JsonWalker("9" * 5000, 10_000, 100).value()


def test_lists_and_objects_are_bounded():
    assert len(walked(f"[{'1,' * 99}1]")) == 100
    with pytest.raises(RequestError, match="larger than maximum input batch size 100"):
        walked(f"[{'1,' * 100}1]")
    members = ",".join(f'"{i}":1' for i in range(65))
    with pytest.raises(RequestError, match="more than 64 members"):
        walked(f"{{{members}}}")


@pytest.mark.parametrize(
    "number", ["1e400", "-1E+400", "1" + "0" * 309 + ".0", "1000e306", "[0, 2e308]", '{"a": 1e999}']
)
def test_a_number_that_no_float_holds_is_too_big_and_not_infinity(number):
    with pytest.raises(RequestError, match=r"Number too big to be stored in double\. at offset: "):
        walked(f'{{"x": [1.5, {number}]}}')
    with pytest.raises(RequestError, match=r"Number too big"):
        JsonWalker(number, 1000, 100).value()


def test_large_floats_words_and_strings_like_large_numbers_are_as_they_are():
    text = '[1.7e308, 1e-400, 0e999, Infinity, -Infinity, "1e400", "e123", {"e400": 1e+100}]'
    assert JsonWalker(text, 1000, 100).value() == json.loads(text) == walked(text)
