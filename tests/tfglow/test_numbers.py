"""What NumPy has is a number like Python's own, in every constructor; a bool is no integer."""

import numpy as np
import pytest

from tfglow import Glow, GlowConfig, bijectors, networks

# A constructor with small arguments, and the fields that are integers, bools and numbers.
CONSTRUCTORS = {
    "ActNorm": (bijectors.ActNorm, {"num_channels": 4, "validate_args": True}),
    "Invertible1x1Conv": (
        bijectors.Invertible1x1Conv,
        {"num_channels": 4, "seed": 3, "validate_args": False},
    ),
    "ShuffleChannels": (bijectors.ShuffleChannels, {"num_channels": 4, "seed": 100}),
    "ReverseChannels": (bijectors.ReverseChannels, {"validate_args": True}),
    "Squeeze": (bijectors.Squeeze, {"factor": 2}),
    "GaussianSplit": (bijectors.GaussianSplit, {"num_channels": 4}),
    "TopPrior": (bijectors.TopPrior, {"num_channels": 4, "num_classes": 3, "learn_top": True}),
    "FlowSteps": (
        bijectors.FlowSteps,
        {
            "num_steps": 2,
            "num_channels": 4,
            "width": 4,
            "seed": 100,
            "recompute": False,
            "scan": True,
        },
    ),
    "CouplingNetwork": (
        networks.CouplingNetwork,
        {"in_channels": 2, "out_channels": 2, "width": 4, "seed": 100},
    ),
    "ScaledConv2D": (
        networks.ScaledConv2D,
        {"in_channels": 2, "filters": 3, "kernel_size": 3, "stddev": 0.5, "seed": 100},
    ),
    "ScaledDense": (networks.ScaledDense, {"in_channels": 2, "units": 3}),
    "GlowConfig": (
        GlowConfig,
        {
            "image_shape": (8, 8, 1),
            "levels": 2,
            "steps": 1,
            "width": 4,
            "num_bits": 5,
            "num_classes": 3,
            "weight_y": 0.5,
            "learn_top": True,
            "gradient_checkpointing": False,
            "scan_steps": True,
            "seed": 2,
        },
    ),
}


def of_numpy(value, kind):
    """The value as NumPy's `kind` of its type: a scalar, one of another width, or an array."""
    if isinstance(value, tuple):
        return tuple(of_numpy(element, kind) for element in value)
    narrow, wide = {
        bool: (np.bool_, np.bool_),
        int: (np.int8, np.uint64),
        float: (np.float16, np.float64),
    }[type(value)]
    return {"narrow": narrow(value), "wide": wide(value), "array": np.array(value)}[kind]


@pytest.mark.parametrize("kind", ["narrow", "wide", "array"])
@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_numpys_numbers_are_pythons(name, kind):
    make, arguments = CONSTRUCTORS[name]
    expected, actual = (
        make(**arguments),
        make(**{field: of_numpy(value, kind) for field, value in arguments.items()}),
    )
    for field in arguments:
        assert type(getattr(actual, field, None)) is type(getattr(expected, field, None)), field
    if hasattr(expected, "variables"):
        for ours, theirs in zip(actual.variables, expected.variables, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    else:
        assert actual == expected


INTEGERS = [
    (name, field)
    for name, (_, arguments) in CONSTRUCTORS.items()
    for field, value in arguments.items()
    if type(value) is int
]


@pytest.mark.parametrize("value", [True, np.True_, 2.0, np.float32(2), "2", np.array([2]), -1])
@pytest.mark.parametrize("name, field", INTEGERS)
def test_what_is_no_integer_is_refused_by_name(name, field, value):
    make, arguments = CONSTRUCTORS[name]
    with pytest.raises(ValueError, match=f"`{field}`.* must be .*, got"):
        make(**{**arguments, field: value})


BOOLS = [
    (name, field)
    for name, (_, arguments) in CONSTRUCTORS.items()
    for field, value in arguments.items()
    if type(value) is bool
]


@pytest.mark.parametrize("value", [1, 0.0, "true", np.int64(1), None])
@pytest.mark.parametrize("name, field", BOOLS)
def test_what_is_no_bool_is_refused_by_name(name, field, value):
    make, arguments = CONSTRUCTORS[name]
    with pytest.raises(ValueError, match=f"`{field}`.* must be True or False, got"):
        make(**{**arguments, field: value})


@pytest.mark.parametrize("kind", ["narrow", "wide", "array"])
def test_numbers_of_samples_and_temperatures(kind):
    glow = Glow(GlowConfig(image_shape=(2, 2, 1), levels=1, steps=1, width=4))
    expected = glow.sample(3, temperature=0.5, seed=7)
    actual = glow.sample(*(of_numpy(v, kind) for v in (3, 0.5)), seed=of_numpy(7, kind))
    np.testing.assert_array_equal(actual, expected)
    with pytest.raises(ValueError, match="`num` must be an integer >= 0, got True"):
        glow.sample(True)
