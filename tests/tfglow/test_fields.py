"""Fields of a configuration: checked, converted, written as JSON and read back."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tfglow import fields
from tfglow.fields import field


@dataclasses.dataclass(frozen=True)
class Inner:
    size: int = field(1, help="A size.", low=1)

    def __post_init__(self):
        fields.check(self)


@dataclasses.dataclass(frozen=True)
class Sample:
    """Every kind of field."""

    count: int = field(3, help="How many.", low=1)
    bits: int = field(8, help="Bits.", low=1, high=8)
    rate: float = field(0.5, help="A rate.", above=0)
    decay: float | None = field(None, help="A decay.", low=0, below=1)
    most: float = field(1.0, help="At most one.", high=1)
    free: int | None = field(None, help="Any integer.")
    on: bool = field(False, help="On or off.")
    tri: bool | None = field(None, help="On, off or neither.")
    name: str = field("a", help="A name.")
    kind: str = field("x", help="A kind.", choices=("x", "y"))
    maybe: str | None = field(None, help="A kind or none.", choices=("x", "y"))
    shape: tuple[int, int] = field((2, 3), help="A shape.", low=1)
    rates: tuple[float, ...] = field((), help="Rates.", low=0)
    pairs: tuple[tuple[str, int | str], ...] = field((), help="Pairs.")
    path: Path | None = field(None, help="A path.")
    inner: Inner = field(default_factory=Inner, help="Another configuration.")

    def __post_init__(self):
        fields.check(self)


def test_numbers_of_numpy_become_pythons():
    sample = Sample(
        count=np.int64(4),
        rate=np.float32(0.25),
        decay=0,
        on=np.True_,
        shape=np.array([5, 6], np.int32),
        rates=[np.float64(0.5), np.int8(2)],
        name=np.str_("b"),
    )
    assert sample == Sample(
        count=4, rate=0.25, decay=0.0, on=True, shape=(5, 6), rates=(0.5, 2.0), name="b"
    )
    kinds = {name: type(value) for name, value in vars(sample).items()}
    assert (kinds["count"], kinds["rate"], kinds["decay"]) == (int, float, float)
    assert (kinds["on"], kinds["shape"], kinds["name"]) == (bool, tuple, str)
    assert [type(v) for v in sample.shape + sample.rates] == [int, int, float, float]
    json.dumps(fields.to_dict(sample))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("count", 0, "`count` must be an integer >= 1, got 0."),
        ("count", True, "`count` must be an integer >= 1, got True."),
        ("count", np.True_, "`count` must be an integer >= 1, got np.True_."),
        ("count", 2.0, "`count` must be an integer >= 1, got 2.0."),
        ("count", "2", "`count` must be an integer >= 1, got '2'."),
        ("bits", 9, "`bits` must be an integer from 1 to 8, got 9."),
        ("rate", 0, "`rate` must be a finite number > 0, got 0."),
        ("rate", float("inf"), "`rate` must be a finite number > 0, got inf."),
        ("rate", False, "`rate` must be a finite number > 0, got False."),
        ("rate", 10**400, f"`rate` must be a finite number > 0, got {10**400}."),
        ("rate", [1.0], "`rate` must be a finite number > 0, got [1.0]."),
        ("decay", 1.0, "`decay` must be a finite number >= 0 and < 1 or None, got 1.0."),
        ("decay", float("nan"), "`decay` must be a finite number >= 0 and < 1 or None, got nan."),
        ("most", 2, "`most` must be a finite number <= 1, got 2."),
        ("free", 0.5, "`free` must be an integer or None, got 0.5."),
        ("on", 1, "`on` must be True or False, got 1."),
        ("on", None, "`on` must be True or False, got None."),
        ("tri", 0, "`tri` must be True or False or None, got 0."),
        ("name", 3, "`name` must be a string, got 3."),
        ("kind", "z", "`kind` must be one of x, y; got 'z'."),
        ("kind", 1, "`kind` must be one of x, y; got 1."),
        ("maybe", "z", "`maybe` must be one of x, y or None; got 'z'."),
        ("shape", (1, 2, 3), "`shape` must be 2 integers >= 1, got (1, 2, 3)."),
        ("shape", (1, 0), "`shape` must be 2 integers >= 1, got (1, 0)."),
        ("shape", "12", "`shape` must be 2 integers >= 1, got '12'."),
        ("rates", (1, -2.0), "`rates` must be a sequence of finite numbers >= 0, got (1, -2.0)."),
        ("rates", 3, "`rates` must be a sequence of finite numbers >= 0, got 3."),
        ("path", 3, "`path` must be a path or None, got 3."),
        ("inner", {}, "`inner` must be of the class Inner, got {}."),
    ],
)
def test_what_does_not_fit_is_quoted(name, value, sentence):
    with pytest.raises(ValueError) as caught:
        Sample(**{name: value})
    assert str(caught.value) == sentence


def test_words_of_a_fields_own():
    @dataclasses.dataclass(frozen=True)
    class Own:
        size: int | None = field(None, help="A size.", low=1, words="a size that fits")

    with pytest.raises(ValueError, match=r"^`size` must be a size that fits or None, got 0\.$"):
        fields.check(Own(0))


def test_goes_through_json():
    sample = Sample(
        shape=(4, 5),
        rates=(0.5,),
        pairs=(("a", 1), ("b", "c")),
        path=Path("x/y"),
        inner=Inner(7),
    )
    assert fields.from_dict(Sample, json.loads(json.dumps(fields.to_dict(sample)))) == sample
    assert fields.to_dict(sample)["inner"] == {"size": 7}
    assert fields.from_dict(Sample, {"count": 9}) == Sample(count=9)


def test_unknown_fields_are_named_also_inside():
    with pytest.raises(ValueError, match=r"^Sample has no field \['b', 'c'\]; its fields are \['b"):
        fields.from_dict(Sample, {"c": 1, "b": 2, "count": 3})
    with pytest.raises(ValueError, match=r"^Inner has no field \['width'\]; .* \['size'\]\.$"):
        fields.from_dict(Sample, {"inner": {"width": 1}})


def test_a_field_without_a_default_must_be_given():
    @dataclasses.dataclass(frozen=True)
    class Required:
        path: Path = field(help="A path.")

    with pytest.raises(TypeError, match="path"):
        Required()
    assert fields.fields(Required)["path"].default is dataclasses.MISSING


@pytest.mark.parametrize("module", ["tfglow.fields", "tfglow.flags", "tfglow.config"])
def test_needs_no_tensorflow(module):
    """The client and `--help` import it; TensorFlow takes seconds."""
    program = f"import sys, {module}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0


def test_what_keeps_a_value_is_a_reason_or_a_function_of_both():
    @dataclasses.dataclass(frozen=True)
    class Kept:
        free: int = field(1, help="Free.")
        kept: int = field(1, help="Kept.", fixed="it is counted in it")
        some: int = field(1, help="Some.", fixed=lambda a, b: "" if a * b > 0 else "of its sign")

    known = fields.fields(Kept)
    assert known["free"].keeps(1, 2) == ""
    assert known["kept"].keeps(1, 2) == "it is counted in it"
    assert (known["some"].keeps(1, 2), known["some"].keeps(1, -2)) == ("", "of its sign")
