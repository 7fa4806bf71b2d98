import numpy as np
import pytest

from serving.client.signatures import (
    ModelDescription,
    SignatureDescription,
    TensorDescription,
    check_inputs,
    sampling_inputs,
)


def description(conditional):
    label = {"label": TensorDescription("int32", (None,))} if conditional else {}
    seed = TensorDescription("int64", (None,))
    temperature = TensorDescription("float", (None,))
    inputs = {
        "encode": {"image": TensorDescription("uint8", (None, 2, 2, 1))},
        "decode": {"latent": TensorDescription("float", (None, 4))},
        "sample": {"seed": seed, "temperature": temperature},
    }
    signatures = {name: SignatureDescription({**own, **label}, {}) for name, own in inputs.items()}
    return ModelDescription("glow", 3, signatures)


PLAIN, CONDITIONAL = description(False), description(True)
IMAGES = np.zeros((3, 2, 2, 1), np.uint8)


def test_sizes_are_read_from_the_signatures():
    assert PLAIN.image_shape == (2, 2, 1) and PLAIN.dimensions == 4
    assert CONDITIONAL.is_conditional and not PLAIN.is_conditional


def test_types_are_the_signatures():
    arrays = check_inputs(PLAIN, "decode", {"latent": [[0, 1, 2, 3]]}, None)
    assert arrays["latent"].dtype == np.float32
    arrays = check_inputs(CONDITIONAL, "encode", {"image": IMAGES.astype(np.int64)}, 1)
    assert arrays["image"].dtype == np.uint8
    assert arrays["label"].dtype == np.int32 and arrays["label"].tolist() == [1, 1, 1]
    arrays = check_inputs(CONDITIONAL, "encode", {"image": IMAGES}, [0, 1, 2])
    assert arrays["label"].tolist() == [0, 1, 2]


def with_input(name, dtype, shape=(None,)):
    tensors = {name: TensorDescription(dtype, shape)}
    return ModelDescription("glow", 3, {"own": SignatureDescription(tensors, {})})


def test_bytes_are_sent_as_they_are():
    """NumPy's own strings would drop the zeros at their ends."""
    files = [b"a\x00\x00", b"", b"\xff"]
    arrays = check_inputs(with_input("image_bytes", "string"), "own", {"image_bytes": files}, None)
    assert arrays["image_bytes"].tolist() == files
    for wrong in (["text"], [b"a", 1], [[b"a"]], [None]):
        with pytest.raises(ValueError, match=r"`image_bytes` must be string \[N\], got object"):
            check_inputs(with_input("image_bytes", "string"), "own", {"image_bytes": wrong}, None)


def test_types_that_are_not_sent():
    with pytest.raises(ValueError, match=r"`x` is half \[N\], a type that this client does not"):
        check_inputs(with_input("x", "half"), "own", {"x": [1.0]}, None)


def test_numbers_beyond_float32_become_infinite_without_a_warning():
    arrays = check_inputs(PLAIN, "decode", {"latent": np.full((1, 4), 1e300)}, None)
    assert np.isinf(arrays["latent"]).all()


def test_any_shape_fits_an_unknown_rank():
    assert str(TensorDescription("float", None)) == "float of any shape"
    arrays = check_inputs(with_input("x", "float", None), "own", {"x": np.zeros((2, 3, 4))}, None)
    assert arrays["x"].shape == (2, 3, 4)


@pytest.mark.parametrize(
    ("model", "signature", "inputs", "labels", "message"),
    [
        (PLAIN, "paint", {}, None, "must be one of encode, decode, sample, got 'paint'"),
        (PLAIN, "encode", {"image": IMAGES}, 1, "not conditional: it takes no labels, got 1"),
        (CONDITIONAL, "encode", {"image": IMAGES}, None, "it needs labels"),
        (CONDITIONAL, "encode", {"image": IMAGES}, [1, 2], r"each of 3 rows, got \[1 2\]"),
        (
            CONDITIONAL,
            "encode",
            {"image": IMAGES},
            0.5,
            r"`label` must be int32 \[N\], got fl",
        ),
        (
            PLAIN,
            "encode",
            {"latent": IMAGES},
            None,
            "of 'encode' must be image, got latent",
        ),
        (PLAIN, "encode", {"image": IMAGES[0]}, None, r"uint8 \[N, 2, 2, 1\], got uint8 \[2, 2"),
        (PLAIN, "encode", {"image": IMAGES / 255}, None, "got float64"),
        (PLAIN, "encode", {"image": IMAGES - np.int64(1)}, None, "between 0 and 255, got .* -1"),
        (PLAIN, "encode", {"image": IMAGES[:0]}, None, "at least 1; image has 0"),
        (PLAIN, "sample", {"seed": [1, 2], "temperature": [1]}, None, "temperature has 1"),
        (PLAIN, "decode", {"latent": [["a"] * 4]}, None, "got <U1"),
    ],
)
def test_what_does_not_fit_is_quoted(model, signature, inputs, labels, message):
    with pytest.raises(ValueError, match=message):
        check_inputs(model, signature, inputs, labels)


def test_seeds_count_up():
    inputs = sampling_inputs(3, 0.7, 2**63 - 3)
    assert inputs["seed"].tolist() == [2**63 - 3, 2**63 - 2, 2**63 - 1]
    assert inputs["temperature"].tolist() == np.full(3, 0.7, np.float32).tolist()
    assert sampling_inputs(2, [0.1, 0.2], -5)["seed"].tolist() == [-5, -4]
    assert np.isinf(sampling_inputs(1, 1e39, 0)["temperature"]).all()
    assert len(np.unique([sampling_inputs(1, 1, None)["seed"] for _ in range(5)])) > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1, 0), "`num` must be at least 1, got 0"),
        ((2, 1, 2**63 - 1), "64-bit"),
        ((2, 1, -(2**63) - 1), "64-bit"),
        ((3, [1, 2], 0), r"one number or 3, got the shape \[2\]"),
    ],
)
def test_bad_sampling_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        sampling_inputs(*arguments)
