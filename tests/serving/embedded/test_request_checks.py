import pytest
from grpc import StatusCode

from serving.embedded.request_checks import (
    RequestError,
    Signature,
    check_names,
    check_output_names,
)

SIGNATURE = Signature("s", {"image": None}, {"latent": None, "valid": None})
CUT = "...TRUNCATED"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("a" * 1024, "a" * 1024),
        ("a" * 1025, "a" * 1024 + CUT),
        ("é" * 512, "é" * 512),
        ("é" * 513, "é" * 512 + CUT),
        ("a" + "é" * 512, "a" + "é" * 511 + CUT),
        ("😀" * 256, "😀" * 256),
        ("😀" * 5000, "😀" * 256 + CUT),
        ("abc" + "😀" * 300, "abc" + "😀" * 255 + CUT),
        # A lone surrogate, which JSON can carry and UTF-8 cannot.
        ("a\ud800b", "a?b"),
    ],
)
def test_messages_are_cut_at_1024_bytes_between_characters(message, expected):
    error = RequestError(StatusCode.INTERNAL, message)
    assert error.message == expected == str(error)


def test_many_names_read_as_all_of_them_cut():
    names = [f"{i}" for i in range(5000)]
    with pytest.raises(RequestError) as caught:
        check_names(names, SIGNATURE)
    whole = f"input size does not match signature: 5000!=1 len({{{','.join(sorted(names))}"
    assert caught.value.message == whole[:1024] + CUT


def test_an_endless_output_filter_is_refused_at_its_start():
    def endless(*names):
        while True:
            yield from names

    for names, message in (
        (("latent",), "duplicate output tensor alias: latent"),
        (("valid", "latent"), "duplicate output tensor alias: valid"),
        (("latent", "x"), "not found in signature: x"),
    ):
        with pytest.raises(RequestError, match=message):
            check_output_names(endless(*names), SIGNATURE)
    assert check_output_names([], SIGNATURE) == ["latent", "valid"]
    assert check_output_names(["valid"], SIGNATURE) == ["valid"]
