import numpy as np
import pytest
import tensorflow as tf

from tfglow.checks import (
    check_environment,
    check_images,
    check_labels,
    check_latents,
    check_noise,
    check_temperature,
)
from tfglow.config import GlowConfig
from tfglow.glow import Glow

SHAPE = (4, 4, 3)


def images(dtype=np.uint8, shape=(2, *SHAPE)):
    return np.full(shape, 7, dtype)


def test_weights_that_are_said_to_be_constant(monkeypatch):
    name = "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS"
    for value in ("0", "false"):
        monkeypatch.setenv(name, value)
        check_environment()
    for value in ("1", "true"):
        monkeypatch.setenv(name, value)
        with pytest.raises(ValueError, match=f"{name} must not be set, got '{value}'"):
            check_environment()
        with pytest.raises(ValueError, match=name):
            Glow(GlowConfig(image_shape=(4, 4, 3), levels=1, steps=1, width=4))


@pytest.mark.parametrize(
    ("offset", "scale", "remedy"),
    [
        (0.0, 1 / 255, r"in \[0, 1\], take tf.cast\(tf.round\(images \* 255\)"),
        (0.0, 1.0, r"in \[0, 255\], take tf.cast\(tf.round\(images\)"),
        (-0.5, 1 / 255, r"tf.cast\(tf.round\(\(images \+ 0.5\) \* 255\)"),
        (-1.0, 2 / 255, r"tf.cast\(tf.round\(\(images \+ 1\) \* 127.5\)"),
        (-3.0, 6 / 255, "undo what scaled them, then round and cast"),
    ],
)
def test_what_to_do_with_float_images_is_said_and_does_it(offset, scale, remedy):
    values = np.arange(256, dtype=np.uint8)[:240].reshape(5, *SHAPE)
    values[0, 0, 0, 0] = 255
    given = tf.constant(offset + scale * values, tf.float32)
    with pytest.raises(ValueError, match=remedy) as error:
        check_images(given, SHAPE)
    if "take " in str(error.value):
        expression = str(error.value).partition("take ")[2].rstrip(".")
        np.testing.assert_array_equal(eval(expression, {"tf": tf, "images": given}), values)


def test_what_to_do_with_other_dtypes_is_said():
    for dtype in (np.int64, np.int32, np.uint16):
        with pytest.raises(ValueError, match=r"take tf.cast\(images, tf.uint8\)"):
            check_images(images(dtype), SHAPE)
    with pytest.raises(ValueError, match=r"int32 in \[700, 700\]: undo what scaled them"):
        check_images(100 * images(np.int32), SHAPE)
    with pytest.raises(ValueError, match=r"take 255 \* tf.cast\(images, tf.uint8\)"):
        check_images(images(bool), SHAPE)
    with pytest.raises(ValueError, match=r"float32: cast them, from \[0, 1\] by"):
        tf.function(lambda x: check_images(x, SHAPE))(images(np.float32))


def test_what_to_do_with_other_shapes_is_said():
    with pytest.raises(ValueError, match=r"got \(4, 4, 3\): a batch of one is images\[tf.newaxis"):
        check_images(images(shape=SHAPE), SHAPE)
    with pytest.raises(ValueError, match=r"tf.transpose\(images, \[0, 2, 3, 1\]\)"):
        check_images(images(shape=(2, 3, 4, 4)), SHAPE)
    with pytest.raises(ValueError, match=r"with a channel they are images\[..., tf.newaxis\]"):
        check_images(images(shape=(2, 4, 4)), (4, 4, 1))


def test_images_pass_through():
    checked = check_images(images(), SHAPE)
    assert checked.dtype == tf.uint8
    np.testing.assert_array_equal(checked, images())
    check_images(images(shape=(0, *SHAPE)), SHAPE)


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64, np.int8, bool])
def test_images_of_another_dtype(dtype):
    with pytest.raises(ValueError, match=rf"uint8 in \[0, 255\], got {np.dtype(dtype).name}"):
        check_images(images(dtype), SHAPE)


@pytest.mark.parametrize("low, high", [(-0.5, 0.5), (0.0, 1.0), (0.0, 300.0)])
def test_floats_are_refused_with_their_range(low, high):
    values = np.linspace(low, high, 48, dtype=np.float32).reshape(1, *SHAPE)
    with pytest.raises(ValueError, match=rf"got float32 in \[{low}, {high}\]"):
        check_images(values, SHAPE)


@pytest.mark.parametrize("shape", [SHAPE, (2, 4, 4, 1), (2, 3, 4, 4), (2, 48), (1, 2, *SHAPE)])
def test_images_of_another_shape(shape):
    with pytest.raises(ValueError) as error:
        check_images(images(shape=shape), SHAPE)
    assert str(error.value).startswith(f"Images must have the shape [B, 4, 4, 3], got {shape}")


def test_images_of_another_shape_at_run_time():
    check = tf.function(
        lambda x: check_images(x, SHAPE), input_signature=[tf.TensorSpec(None, tf.uint8)]
    )
    assert check(images()).shape == (2, *SHAPE)
    with pytest.raises(tf.errors.InvalidArgumentError):
        check(images(shape=(2, 4, 4, 1)))


@pytest.mark.parametrize("labels", [[1, 2], np.array([1, 2], np.uint8), np.array([1, 2])])
def test_labels_become_int32(labels):
    checked = check_labels(labels, 3, tf.constant(2))
    assert checked.dtype == tf.int32
    np.testing.assert_array_equal(checked, [1, 2])


def test_labels_of_an_unconditional_model():
    assert check_labels(None, 0, tf.constant(2)) is None
    with pytest.raises(ValueError, match=r"unconditional \(num_classes = 0\); got `labels`"):
        check_labels([1, 2], 0, tf.constant(2))


@pytest.mark.parametrize(
    "labels, message",
    [
        (None, "conditional on 3 classes and needs `labels`"),
        ([0.0, 1.0], "Labels must be integers, got float32"),
        ([True, False], "Labels must be integers, got bool"),
        (["a", "b"], "Labels must be integers, got string"),
        ([0, 1, 2], r"Labels must have the shape \[2\], got \(3,\)"),
        ([[0, 1]], r"Labels must have the shape \[2\], got \(1, 2\)"),
        (1, r"Labels must have the shape \[2\], got \(\)"),
        ([0, 3], r"Labels must be in \[0, 3\), got 3"),
        ([0, -1], r"Labels must be in \[0, 3\), got -1"),
        (np.array([0, 2**32 + 1]), r"Labels must be in \[0, 3\), got 4294967297"),
    ],
)
def test_labels_of_a_conditional_model(labels, message):
    with pytest.raises(ValueError, match=message):
        check_labels(labels, 3, tf.constant(2))


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0], [0, 2**32 + 1]])
def test_labels_that_have_values_only_at_run_time(labels):
    check = tf.function(
        lambda x: check_labels(x, 3, tf.size(x)), input_signature=[tf.TensorSpec([None], tf.int64)]
    )
    np.testing.assert_array_equal(check([1, 2]), [1, 2])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"Labels must be in \[0, 3\)"):
        check(labels)


def test_latents():
    checked = check_latents(np.zeros([2, 48]), 48, "float32")
    assert checked.dtype == tf.float32
    with pytest.raises(ValueError, match="must be floating-point numbers, got int64"):
        check_latents(np.zeros([2, 48], np.int64), 48, "float32")
    with pytest.raises(ValueError, match=r"must have the shape \[B, 48\], got \(2, 47\)"):
        check_latents(np.zeros([2, 47]), 48, "float32")
    with pytest.raises(ValueError, match=r"must have the shape \[B, 48\], got \(48,\)"):
        check_latents(np.zeros([48]), 48, "float32")


def test_noise():
    shape = tf.TensorShape([2, *SHAPE])
    assert check_noise(np.zeros([2, *SHAPE]), shape, "float32").dtype == tf.float32
    assert check_noise(0.5, shape, "float64") == 0.5
    check_noise(np.zeros([2, *SHAPE]), tf.TensorShape([None, *SHAPE]), "float32")
    for wrong in ([3, *SHAPE], [2, 4, 4], [1, 2, *SHAPE]):
        with pytest.raises(ValueError, match=r"`noise` must have the shape \(2, 4, 4, 3\), got"):
            check_noise(np.zeros(wrong), shape, "float32")
    for low, high in ((-0.5, 0.0), (0.0, 1.0)):
        values = np.linspace(low, high, 96).reshape(2, *SHAPE)
        with pytest.raises(ValueError, match=rf"`noise` must be in \[0, 1\), got \[{low}, {high}"):
            check_noise(values, shape, "float32")


@pytest.mark.parametrize("temperature", [0, 0.7, np.float64(1.0), [0.0, 0.5, 2.0], [1, 1, 1]])
def test_temperature(temperature):
    checked = check_temperature(temperature, 3, "float32")
    assert checked.dtype == tf.float32
    np.testing.assert_allclose(checked, temperature)


@pytest.mark.parametrize(
    "temperature, num, message",
    [
        (-0.1, 3, "`temperature` must be finite and >= 0, got -0.1"),
        (float("nan"), 3, "`temperature` must be finite and >= 0, got nan"),
        ([0.0, float("inf"), 1.0], 3, "`temperature` must be finite and >= 0, got .*inf"),
        ([0.5, 0.5], 3, r"one number or have the shape \[3\], got the shape \(2,\)"),
        ([[0.5], [0.5], [0.5]], 3, r"one number or have the shape \[3\], got the shape \(3, 1\)"),
        (1.0, -1, "`num` must be an integer >= 0, got -1"),
        (1.0, 2.5, "`num` must be an integer >= 0, got 2.5"),
        (1.0, "3", "`num` must be an integer >= 0, got '3'"),
    ],
)
def test_wrong_temperature_or_number(temperature, num, message):
    with pytest.raises(ValueError, match=message):
        check_temperature(temperature, num, "float32")
