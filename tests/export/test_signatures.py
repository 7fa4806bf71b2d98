"""What the signatures answer: the contract's names and shapes, the model's numbers, row by row."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from export.signatures import Signatures
from tests.export.models import random_config, random_images, random_labels
from tests.random_glow import random_glow
from tfglow.pictures.preparation import Preparation
from tfglow.scoring import Detector

pytestmark = pytest.mark.slow

# Three levels, two steps, and then one of each other kind of step.
CONFIGS = {
    "affine": {"steps": 1},
    "affine_full": {"parameterization": "full", "levels": 1},
    "additive": {"coupling": "additive", "levels": 1, "steps": 1},
    "shuffle": {"permutation": "shuffle", "levels": 1, "steps": 1},
    "reverse": {"permutation": "reverse", "levels": 1, "steps": 1},
    "conditional_five_bits": {"num_classes": 3, "num_bits": 5, "levels": 2, "steps": 1},
    "grey": {"image_shape": (8, 8, 1), "levels": 1, "steps": 1},
    "trained_in_float64": {"precision": "float64", "levels": 1, "steps": 1},
}
FIRST = ("affine", "conditional_five_bits")
all_configs = pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[] if case in FIRST else pytest.mark.slow) for case in CONFIGS],
)
NAN, INF = float("nan"), float("inf")


@functools.cache
def served(case):
    """The model of a case and its signatures, made once."""
    glow = random_glow(random_config(**CONFIGS[case]))
    return glow, Signatures(glow)


def numpy(answer):
    return {name: tensor.numpy() for name, tensor in answer.items()}


def seeds_and_temperatures(num, temperature=0.7):
    return {
        "seed": tf.range(10, 10 + num, dtype=tf.int64),
        "temperature": tf.fill([num], temperature),
    }


# The contract's table.


@pytest.mark.parametrize("case", FIRST)
def test_names_types_and_shapes(case):
    glow, signatures = served(case)
    height, width, channels = glow.config.image_shape
    label = {"label": ("int32", (None,))} if glow.config.num_classes else {}
    image = ("uint8", (None, height, width, channels))
    latent = ("float32", (None, glow.config.num_dims))
    row, valid = ("float32", (None,)), ("bool", (None,))
    drawn = {"seed": ("int64", (None,)), "temperature": row, **label}
    levels = ("float32", (None, glow.config.levels))
    encoding = {
        **{"latent": latent, "log_prob": row, "bits_per_dim": row, "bits_per_level": levels},
        "valid": valid,
    }
    sample = (drawn, {"image": image, "latent": latent, "valid": valid})
    table = {
        "encode": (
            {"image": image, **label},
            encoding,
        ),
        "decode": ({"latent": latent, **label}, {"image": image, "valid": valid}),
        "sample": sample,
        "serving_default": sample,
        "sample_png": (drawn, {"image_bytes": ("string", (None,)), "valid": valid}),
        "decode_png": (
            {"latent": latent, **label},
            {"image_bytes": ("string", (None,)), "valid": valid},
        ),
        "encode_bytes": (
            {"image_bytes": ("string", (None,)), **label},
            encoding,
        ),
    }
    functions = signatures.concrete_functions()
    assert set(functions) == set(table)
    for name, (inputs, outputs) in table.items():
        specs = [spec for spec in functions[name].structured_input_signature[0] if spec]
        assert {s.name: (s.dtype.name, tuple(s.shape)) for s in specs} == inputs
        given = functions[name].structured_outputs
        assert {k: (t.dtype.name, tuple(t.shape)) for k, t in given.items()} == outputs


def test_how_pictures_are_made_is_answered_once_a_row():
    glow, _ = served("affine")
    made = Preparation(glow.config.image_shape, "random_crop", 4095, 5)
    with_record = Signatures(glow, preparation=made)
    function = with_record.concrete_functions(["preparation"])["preparation"]
    for rows in (0, 1, 3):
        answer = numpy(function(row=tf.zeros([rows], tf.int32)))
        assert answer["valid"].tolist() == [True] * rows
        assert [Preparation.from_json(record) for record in answer["record"]] == [made] * rows


@pytest.mark.parametrize("channels, there", [(2, True), (4, True), (5, False)])
def test_png_is_there_for_the_channels_that_it_can_hold(channels, there):
    config = random_config(image_shape=(4, 4, channels), levels=1, steps=1)
    signatures = Signatures(random_glow(config))
    of_files = {"sample_png", "decode_png", "encode_bytes"}
    assert of_files & set(signatures.concrete_functions()) == (of_files if there else set())
    assert signatures.sample(**seeds_and_temperatures(2))["valid"].numpy().all()


# The model's numbers.


@all_configs
def test_encode_is_the_models(case):
    glow, signatures = served(case)
    images, labels = random_images(glow.config), random_labels(glow.config)
    answer = numpy(signatures.encode(images, **labels))
    of_glow = {"labels": labels.get("label")}
    np.testing.assert_allclose(
        answer["latent"], glow.encode(images, **of_glow), rtol=1e-4, atol=1e-4
    )
    log_prob = glow.log_prob(images, noise=0.5, **of_glow)
    np.testing.assert_allclose(answer["log_prob"], log_prob, rtol=1e-5)
    bits_per_dim = glow.bits_per_dim(images, noise=0.5, **of_glow)
    np.testing.assert_allclose(answer["bits_per_dim"], bits_per_dim, rtol=0, atol=1e-4)
    levels = answer["bits_per_level"].sum(axis=1)
    np.testing.assert_allclose(levels, answer["bits_per_dim"], rtol=0, atol=1e-5)
    assert answer["valid"].all()


@all_configs
def test_continuous_images_are_the_models(case):
    glow, signatures = served(case)
    labels = random_labels(glow.config)
    latent = 0.7 * tf.random.stateless_normal([5, glow.config.num_dims], [0, 1])
    keywords = {"labels": labels["label"]} if labels else {}
    expected = glow.flow.inverse(tf.cast(latent, glow.config.dtype), **keywords)
    image = signatures.flow.inverse(latent, labels.get("label"))
    # In units of the pixels' whole range.
    np.testing.assert_allclose(image, expected, rtol=1e-4, atol=1e-4)


@all_configs
def test_decode_is_the_models(case):
    glow, signatures = served(case)
    labels = random_labels(glow.config)
    latent = 0.7 * tf.random.stateless_normal([5, glow.config.num_dims], [0, 1])
    image = signatures.decode(latent, **labels)["image"].numpy()
    difference = np.abs(image.astype(int) - glow.decode(latent, labels.get("label")))
    # Where rounding sends a value to the next bin.
    assert difference.max() <= 2 ** (8 - glow.config.num_bits)
    assert (difference > 0).mean() < 0.01


def test_a_seed_draws_what_it_draws_in_the_library():
    glow, signatures = served("affine")
    answer = numpy(signatures.sample(**seeds_and_temperatures(3)))
    for row, seed in enumerate([10, 11, 12]):
        expected = glow.sample(1, temperature=0.7, seed=seed)[0].numpy()
        assert np.abs(answer["image"][row].astype(int) - expected).max() <= 1
    assert answer["valid"].all()


@all_configs
def test_decoding_what_was_encoded_gives_every_byte_back(case):
    glow, signatures = served(case)
    images, labels = random_images(glow.config, 16), random_labels(glow.config, 16)
    kept = images // 2 ** (8 - glow.config.num_bits) * 2 ** (8 - glow.config.num_bits)
    latent = signatures.encode(images, **labels)["latent"]
    answer = numpy(signatures.decode(latent, **labels))
    np.testing.assert_array_equal(answer["image"], kept)
    assert answer["valid"].all()


def test_sample_decodes_its_latent_and_png_holds_its_image():
    _, signatures = served("conditional_five_bits")
    inputs = {**seeds_and_temperatures(4), "label": tf.constant([0, 1, 2, 0])}
    answer = numpy(signatures.sample(**inputs))
    image = signatures.decode(answer["latent"], inputs["label"])["image"]
    np.testing.assert_array_equal(image, answer["image"])
    png = signatures.sample_png(**inputs)["image_bytes"]
    decoded = [tf.io.decode_png(data).numpy() for data in png.numpy()]
    np.testing.assert_array_equal(decoded, answer["image"])


@pytest.mark.parametrize("case", [*FIRST, "grey"])
def test_a_latents_png_is_encoded_as_its_image(case):
    glow, signatures = served(case)
    labels = random_labels(glow.config)
    image = tf.constant(random_images(glow.config))
    latent = signatures.encode(image, **labels)["latent"]
    decoded = signatures.decode(latent, **labels)["image"]
    png = signatures.decode_png(latent, **labels)["image_bytes"]
    np.testing.assert_array_equal([tf.io.decode_png(data).numpy() for data in png.numpy()], decoded)
    answer = numpy(signatures.encode_bytes(png, **labels))
    expected = numpy(signatures.encode(decoded, **labels))
    assert answer.keys() == expected.keys() and answer["valid"].all()
    for name, values in expected.items():
        np.testing.assert_array_equal(answer[name], values)


def test_networks_in_bfloat16_are_as_invertible():
    glow, exact = served("affine")
    signatures = Signatures(glow, network_dtype=tf.bfloat16)
    images = random_images(glow.config, 16)
    answer = signatures.encode(images)
    np.testing.assert_array_equal(signatures.decode(answer["latent"])["image"], images)
    bits = exact.encode(images)["bits_per_dim"]
    np.testing.assert_allclose(answer["bits_per_dim"], bits, rtol=0, atol=0.01)
    assert not np.array_equal(answer["bits_per_dim"], bits)
    step = signatures.flow.levels[0].steps.steps[0]
    assert step.network.conv_1.kernel.dtype == tf.bfloat16


# A detector's numbers.


@functools.cache
def scored():
    """A conditional model's detector, and the signatures with it."""
    glow, _ = served("conditional_five_bits")
    images, label = random_images(glow.config, 60), random_labels(glow.config, 60)["label"]
    detector = Detector.fit(glow, images, label, num_draws=2, seed=3)
    return detector, Signatures(glow, calibration=detector.calibration)


def scored_inputs(num, seed=1):
    """Images like those that were fitted, and one that is odd."""
    config = served("conditional_five_bits")[0].config
    images = random_images(config, num, seed).numpy()
    images[-1:] = 200
    return images, random_labels(config, num)["label"]


def test_scores_are_those_of_the_library():
    detector, signatures = scored()
    images, label = scored_inputs(6)
    answer = numpy(signatures.score(images, label))
    assert answer.pop("valid").all()
    expected = detector.score(images, label)
    assert {name: v.dtype for name, v in answer.items()} == {
        name: v.dtype for name, v in expected.items()
    }
    for name, values in expected.items():
        np.testing.assert_allclose(answer[name], values, rtol=1e-4, atol=1e-4, err_msg=name)
    assert answer["p_value"][-1] == 1 / 31 < np.median(answer["p_value"])


def test_a_level_is_the_models():
    glow, signatures = served("conditional_five_bits")
    images, label = scored_inputs(6)
    levels = glow.log_prob_terms(images, label, noise=0.5).levels
    bits = -levels / (glow.config.num_dims * np.log(2))
    answer = signatures.encode(images, label)["bits_per_level"]
    np.testing.assert_allclose(answer, bits, rtol=0, atol=1e-5)


@pytest.mark.parametrize("num", [0, 1, 40])
def test_a_score_does_not_depend_on_its_batch(num):
    _, signatures = scored()
    images, label = scored_inputs(41)
    everything = numpy(signatures.score(images, label))
    answer = numpy(signatures.score(images[1 : 1 + num], label[1 : 1 + num]))
    for name, values in everything.items():
        # The error of two draws is a small difference of them.
        tolerance = 1e-6 if name == "bits_per_dim_error" else 0
        np.testing.assert_allclose(
            answer[name], values[1 : 1 + num], rtol=1e-4, atol=tolerance, err_msg=name
        )


def test_a_score_of_a_bad_row_is_zero_and_spoils_nothing():
    _, signatures = scored()
    images, _ = scored_inputs(4)
    answer = signatures.score(images, [0, 3, -1, 2])
    kept = signatures.score(images[[0, 3]], [0, 2])
    assert_spoils_nothing(answer, kept, [True, False, False, True])
    with pytest.raises(tf.errors.InvalidArgumentError, match="`label` has another number of rows"):
        signatures.score(images, [0])


# Each row by itself.


@pytest.mark.parametrize("num", [1, 2, 64])
def test_a_row_does_not_depend_on_its_batch(num):
    _, signatures = served("affine")
    everything = numpy(signatures.sample(**seeds_and_temperatures(65)))
    some = {name: tensor[1 : 1 + num] for name, tensor in seeds_and_temperatures(65).items()}
    answer = numpy(signatures.sample(**some))
    np.testing.assert_array_equal(answer["latent"], everything["latent"][1 : 1 + num])
    image = everything["image"][1 : 1 + num].astype(int)
    assert np.abs(answer["image"] - image).max() <= 1
    decoded = numpy(signatures.decode(answer["latent"]))["image"]
    encoded = numpy(signatures.encode(decoded[:1]))
    np.testing.assert_allclose(
        encoded["latent"], signatures.encode(decoded)["latent"][:1], rtol=1e-4, atol=1e-4
    )


def test_seeds_are_any_64_bit_numbers_and_draw_a_standard_gaussian():
    glow, signatures = served("affine")
    inputs = {
        "seed": tf.constant([0, 1, -1, 2**63 - 1, -(2**63), 2**32], tf.int64),
        "temperature": tf.ones([6]),
    }
    answer = numpy(signatures.sample(**inputs))
    assert len({row.tobytes() for row in answer["latent"]}) == 6
    # Six rows of 384 values: three standard errors.
    assert abs(answer["latent"].mean()) < 3 / np.sqrt(answer["latent"].size)
    assert abs(answer["latent"].var() - 1) < 3 * np.sqrt(2 / answer["latent"].size)
    assert answer["latent"].shape == (6, glow.config.num_dims)


def test_the_temperature_scales_a_rows_own_latent():
    _, signatures = served("affine")
    inputs = {
        "seed": tf.constant([5, 5, 5], tf.int64),
        "temperature": tf.constant([1.0, 0.5, 0.0]),
    }
    latent = numpy(signatures.sample(**inputs))["latent"]
    np.testing.assert_array_equal(latent[1], 0.5 * latent[0])
    assert not latent[2].any()


@pytest.mark.parametrize("case", FIRST)
def test_no_rows_are_answered_with_no_rows(case):
    glow, signatures = served(case)
    inputs = {
        "encode": {"image": random_images(glow.config, 0)},
        "decode": {"latent": tf.zeros([0, glow.config.num_dims])},
        "encode_bytes": {"image_bytes": tf.constant([], tf.string)},
        "decode_png": {"latent": tf.zeros([0, glow.config.num_dims])},
        "sample": seeds_and_temperatures(0),
        "sample_png": seeds_and_temperatures(0),
    }
    for name, function in signatures.concrete_functions().items():
        given = inputs[name.replace("serving_default", "sample")]
        answer = function(**given, **random_labels(glow.config, 0))
        for key, spec in function.structured_outputs.items():
            assert answer[key].shape == (0, *spec.shape[1:])


# Bad rows, and bad requests.


def assert_spoils_nothing(answer, alone, valid):
    """Rows that are not valid are zero, and the others as if those were not there."""
    answer, alone = numpy(answer), numpy(alone)
    np.testing.assert_array_equal(answer.pop("valid"), valid)
    for name, values in answer.items():
        if name == "image_bytes":
            assert [data == b"" for data in values] == [not v for v in valid]
            continue
        assert not values[~np.array(valid)].any()
        if values.dtype == np.uint8:
            difference = np.abs(values[valid].astype(int) - alone[name])
            assert difference.max() <= 1
        else:
            np.testing.assert_allclose(values[valid], alone[name], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["sample", "sample_png"])
@pytest.mark.parametrize("temperature", [-1.0, -1e-30, NAN, INF, -INF, 3e38])
def test_a_bad_temperature_is_not_valid(name, temperature):
    _, signatures = served("affine")
    function = getattr(signatures, name)
    inputs = seeds_and_temperatures(4)
    inputs["temperature"] = tf.constant([0.7, temperature, 0.7, 0.0])
    kept = {key: tf.gather(value, [0, 2, 3]) for key, value in inputs.items()}
    assert_spoils_nothing(function(**inputs), function(**kept), [True, False, True, True])


@pytest.mark.parametrize("value", [NAN, INF, -INF, 3e38])
def test_a_latent_that_is_not_finite_or_decodes_to_nothing_finite_is_not_valid(value):
    glow, signatures = served("affine")
    latent = np.random.default_rng(0).normal(size=[3, glow.config.num_dims]).astype(np.float32)
    latent[1, 7 :: 1 if value == 3e38 else 10_000] = value
    answer = signatures.decode(latent)
    assert_spoils_nothing(answer, signatures.decode(latent[[0, 2]]), [True, False, True])


def test_a_row_that_is_no_picture_of_the_size_is_not_valid():
    glow, signatures = served("conditional_five_bits")
    files = [tf.io.encode_png(image) for image in random_images(glow.config, 3)]
    files[1] = tf.io.encode_png(tf.zeros([8, 16, 3], tf.uint8))
    files.append(tf.constant(b"no picture"))
    label = tf.constant([0, 1, 2, 0])
    answer = signatures.encode_bytes(tf.stack(files), label)
    kept = signatures.encode_bytes(tf.stack([files[0], files[2]]), tf.gather(label, [0, 2]))
    assert_spoils_nothing(answer, kept, [True, False, True, False])


@pytest.mark.parametrize("label", [-1, 3, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize(
    "name", ["encode", "encode_bytes", "decode", "decode_png", "sample", "sample_png"]
)
def test_a_label_out_of_range_is_not_valid(name, label):
    glow, signatures = served("conditional_five_bits")
    function = getattr(signatures, name)
    images = random_images(glow.config, 3)
    latents = {"latent": tf.random.stateless_normal([3, glow.config.num_dims], [0, 0])}
    inputs = {
        "encode": {"image": images},
        "encode_bytes": {"image_bytes": tf.io.encode_png(images)},
        "decode": latents,
        "decode_png": latents,
    }.get(name, seeds_and_temperatures(3))
    inputs = {**inputs, "label": tf.constant([0, label, 2])}
    kept = {key: tf.gather(value, [0, 2]) for key, value in inputs.items()}
    assert_spoils_nothing(function(**inputs), function(**kept), [True, False, True])


def test_rows_of_a_label_are_counted():
    glow, signatures = served("conditional_five_bits")
    with pytest.raises(tf.errors.InvalidArgumentError, match="`label` has another number of rows"):
        signatures.encode(random_images(glow.config, 2), tf.constant([1]))
