"""tfglow against the official formulas, on checkpoints of every configuration."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from tests.official_checkpoints import official_folder
from tests.tfglow.official import reference as official_reference
from tfglow import GlowConfig, official

# Every permutation with every coupling; with some, each prior, kind of labels, and size.
CONFIGURATIONS = {
    "full, affine": {},
    "full, additive, fixed top, five channels, classifier": {
        **{"additive": True, "learn_top": False, "channels": 5, "levels": 1, "steps": 1},
        **{"num_classes": 4, "classifier": True},
    },
    "plu, affine, fixed top, labels, one level": {
        **{"permutation": "PLU", "learn_top": False, "num_classes": 4, "levels": 1, "steps": 1},
    },
    "plu, additive, three levels, one channel": {
        **{"permutation": "PLU", "additive": True, "channels": 1, "levels": 3, "steps": 1},
    },
    "reverse, affine, fixed top": {"permutation": "reverse", "learn_top": False, "levels": 1},
    "reverse, additive, classifier": {
        **{"permutation": "reverse", "additive": True, "num_classes": 4, "classifier": True},
        **{"levels": 1, "steps": 1},
    },
    "shuffle, affine, labels": {"permutation": "shuffle", "num_classes": 4, "steps": 1},
    "shuffle, additive, fixed top": {
        **{"permutation": "shuffle", "additive": True, "learn_top": False},
        **{"levels": 1, "steps": 1},
    },
}
DEFAULTS = {
    "channels": 3,
    "levels": 2,
    "steps": 2,
    "width": 6,
    "additive": False,
    "permutation": "W",
    "learn_top": True,
    "num_classes": 0,
    "classifier": False,
}


def write_checkpoint(prefix, values):
    """A TF1 checkpoint, by the operation that the official code's Saver ran."""
    names = sorted(values)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(values[name]) for name in names],
    )
    return str(prefix)


@pytest.mark.parametrize("name", ["affine_invconv_8bit", "additive_shuffle_conditional_5bit"])
def test_the_reference_is_the_official_code(name):
    folder = official_folder(name)
    reader = tf.train.load_checkpoint(str(folder / "model.ckpt"))
    variables = {
        key: reader.get_tensor(key)
        for key in reader.get_variable_to_shape_map()
        if key.startswith("model/") and "ExponentialMovingAverage" not in key
    }
    with np.load(folder / "expected.npz") as file:
        expected = dict(file)
    latents, log_prob, _ = official_reference.encode(
        variables, expected["continuous"], expected["label"]
    )
    for level, eps in enumerate(latents):
        wanted = expected[f"eps_{level}"]
        np.testing.assert_allclose(eps, wanted, atol=1e-5 * np.abs(wanted).max())
    num_bits = 8 if name.endswith("8bit") else 5
    bits = num_bits - log_prob / (32 * 32 * 3 * math.log(2))
    np.testing.assert_allclose(bits, expected["bits_per_dim"], atol=1e-5)


@pytest.mark.parametrize("fields", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
@pytest.mark.slow
def test_a_checkpoint_of_every_configuration(tmp_path, fields):
    fields = {**DEFAULTS, **fields}
    variables = official_reference.random_variables(**fields)
    # The optimizer's slots, a step, and the averages of what is trained.
    slots = {f"Variable_{i}": value for i, value in enumerate(variables.values())}
    averages = {
        f"{name}/ExponentialMovingAverage": 0.5 * value
        for name, value in variables.items()
        if not name.rpartition("/")[2].startswith(("P", "sign_S", "indices"))
    }
    checkpoint = write_checkpoint(
        tmp_path / "model.ckpt", {**variables, **slots, **averages, "global_step": np.int64(7)}
    )
    config = official.infer_config(
        checkpoint,
        image_size=(8, 16),
        num_bits=8,
        weight_y=0.25 if fields["classifier"] else None,
        precision="float64",
    )
    assert config.image_shape == (8, 16, fields["channels"])
    for field in ("levels", "steps", "width", "learn_top", "num_classes"):
        assert getattr(config, field) == fields[field]
    assert config.coupling == ("additive" if fields["additive"] else "affine")
    assert config.weight_y == (0.25 if fields["classifier"] else 0.0)

    rng = np.random.default_rng(1)
    x = rng.uniform(-0.5, 0.5, size=[3, *config.image_shape])
    labels = np.array([3, 0, 2])
    kwargs = {"labels": labels} if config.num_classes else {}
    # One model, which is traced once: the averaged weights are put into it.
    glow = official.load(checkpoint, config)
    for averaged in (False, True):
        used = {
            name: averages.get(f"{name}/ExponentialMovingAverage", value) if averaged else value
            for name, value in variables.items()
        }
        if averaged:
            glow.set_weights(official.load(checkpoint, config, averaged=True).get_weights())
        latents, log_prob, logits = official_reference.encode(used, x, labels)
        flat = np.concatenate([eps.reshape(3, -1) for eps in latents], axis=-1)
        z, log_det = glow.flow.forward_and_log_det(x, **kwargs)
        np.testing.assert_allclose(z, flat, rtol=1e-8, atol=1e-9)
        density = glow.distribution.log_prob(x, bijector_kwargs=kwargs)
        np.testing.assert_allclose(density, log_prob, rtol=1e-10)
        gaussian = -0.5 * np.sum(flat**2 + np.log(2 * np.pi), axis=-1)
        np.testing.assert_allclose(log_det, log_prob - gaussian, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(glow.flow.inverse(z, **kwargs), x, atol=1e-9)
        if logits is not None:
            _, _, top = glow.flow.forward_to_top(tf.constant(x), labels)
            ours = glow.classifier(tf.reduce_mean(top, [1, 2]))
            np.testing.assert_allclose(ours, logits, rtol=1e-8, atol=1e-10)


def test_classifier_term_is_in_bits(tmp_path):
    fields = {**DEFAULTS, "num_classes": 4, "classifier": True}
    variables = official_reference.random_variables(**fields)
    checkpoint = write_checkpoint(tmp_path / "model.ckpt", variables)
    config = official.infer_config(checkpoint, image_size=8, num_bits=5, weight_y=0.25)
    glow = official.load(checkpoint, config)
    rng = np.random.default_rng(1)
    images = rng.integers(256, size=[4, 8, 8, 3], dtype=np.uint8)
    noise = rng.uniform(size=images.shape)
    labels = np.array([3, 0, 2, 2])
    terms = glow.objective(images, labels, noise)
    x = (images // 8) / 32 - 0.5 + noise / 32
    _, log_prob, logits = official_reference.encode(variables, x, labels)
    bits = 5 - log_prob / (192 * math.log(2))
    log_softmax = logits - np.log(np.sum(np.exp(logits), axis=-1, keepdims=True))
    class_bits = -log_softmax[np.arange(4), labels] / math.log(2)
    np.testing.assert_allclose(terms["bits_per_dim"], bits, rtol=1e-5)
    np.testing.assert_allclose(terms["loss"], bits + 0.25 * class_bits, rtol=1e-5)


@pytest.fixture(name="variables")
def _variables():
    return official_reference.random_variables(**DEFAULTS)


def infer(checkpoint, **given):
    return official.infer_config(checkpoint, **{"image_size": 8, "num_bits": 8, **given})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"levels": 1}, "levels = 2, not 1"),
        ({"levels": 3}, "levels = 2, not 3"),
        ({"steps": 1}, "steps = 2, not 1"),
        ({"width": 7}, "width = 6, not 7"),
        ({"coupling": "additive"}, "coupling = 'affine', not 'additive'"),
        ({"permutation": "shuffle"}, "permutation = 'invertible_1x1_conv', not 'shuffle'"),
        ({"permutation": "reverse"}, "permutation = 'invertible_1x1_conv', not 'reverse'"),
        ({"learn_top": False}, "learn_top = True, not False"),
        ({"num_classes": 3}, "num_classes = 0, not 3"),
        ({"num_classes": 3, "weight_y": 0.5}, "num_classes = 0, not 3; weight_y = 0, not 0.5"),
        ({"image_shape": (8, 8, 1)}, "image_shape[2] = 3, not 1"),
        ({"width": 7, "parameterization": "lu"}, "width = 6, not 7"),
    ],
)
def test_every_other_configuration_is_refused_by_its_fields(tmp_path, variables, change, said):
    checkpoint = write_checkpoint(tmp_path / "model.ckpt", variables)
    config = dataclasses.replace(infer(checkpoint), **{"image_shape": (8, 8, 3), **change})
    with pytest.raises(ValueError) as error:
        official.load(checkpoint, config)
    assert str(error.value) == f"{checkpoint!r} was trained with {said}."


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"permutation": "shuffle"}, "permutation = 'shuffle', not 'invertible_1x1_conv'"),
        ({"additive": True}, "coupling = 'additive', not 'affine'"),
        ({"learn_top": False}, "learn_top = False, not True"),
        ({"num_classes": 4}, "num_classes = 4, not 0"),
        ({"num_classes": 4, "classifier": True}, "num_classes = 4, not 0; weight_y > 0, not 0.0"),
        ({"channels": 1}, "image_shape[2] = 1, not 3"),
    ],
)
def test_other_checkpoints_are_refused_by_their_fields(tmp_path, fields, said):
    variables = official_reference.random_variables(**{**DEFAULTS, **fields})
    checkpoint = write_checkpoint(tmp_path / "model.ckpt", variables)
    config = GlowConfig(image_shape=(8, 8, 3), levels=2, steps=2, width=6)
    with pytest.raises(ValueError) as error:
        official.load(checkpoint, config)
    assert str(error.value) == f"{checkpoint!r} was trained with {said}."


@pytest.mark.parametrize(("held", "wanted"), [("W", "lu"), ("PLU", "full")])
def test_convolutions_that_are_held_the_other_way(tmp_path, held, wanted):
    """The same function, to float64's rounding, and an inverse that is exact to it."""
    variables = official_reference.random_variables(**{**DEFAULTS, "permutation": held})
    averages = {
        f"{name}/ExponentialMovingAverage": 0.5 * value
        for name, value in variables.items()
        if not name.rpartition("/")[2].startswith(("P", "sign_S"))
    }
    checkpoint = write_checkpoint(tmp_path / "model.ckpt", {**variables, **averages})
    config = infer(checkpoint, precision="float64")
    assert config.parameterization != wanted
    config = dataclasses.replace(config, parameterization=wanted)
    # One model, which is traced once: the averaged weights are put into it.
    glow = official.load(checkpoint, config)
    averaged_glow = official.load(checkpoint, config, averaged=True)
    x = np.random.default_rng(1).uniform(-0.5, 0.5, size=[3, 8, 8, 3])
    for averaged, loaded in ((False, glow), (True, averaged_glow)):
        assert loaded.config == config
        assert loaded.flow.steps[0][0].permutation.parameterization == wanted
        glow.set_weights(loaded.get_weights())
        used = {
            name: averages.get(f"{name}/ExponentialMovingAverage", value) if averaged else value
            for name, value in variables.items()
        }
        latents, log_prob, _ = official_reference.encode(used, x)
        flat = np.concatenate([eps.reshape(3, -1) for eps in latents], axis=-1)
        z = glow.flow.forward(x)
        np.testing.assert_allclose(z, flat, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(glow.distribution.log_prob(x), log_prob, rtol=1e-10)
        np.testing.assert_allclose(glow.flow.inverse(z), x, atol=1e-9)


def test_a_convolution_that_cannot_be_factored_is_refused(tmp_path, variables):
    variables["model/1/0/invconv/W"][:, 3] = 0.0
    checkpoint = write_checkpoint(tmp_path / "model.ckpt", variables)
    config = dataclasses.replace(infer(checkpoint), parameterization="lu")
    with pytest.raises(ValueError, match="A 1×1 convolution of level1 cannot be inverted"):
        official.load(checkpoint, config)


def test_a_folder_with_one_checkpoint(tmp_path, variables):
    write_checkpoint(tmp_path / "model.ckpt", variables)
    config = infer(tmp_path)
    assert official.load(tmp_path, config).config == config
    write_checkpoint(tmp_path / "other.ckpt", variables)
    with pytest.raises(ValueError, match="holds 2 checkpoints; name one"):
        official.load(tmp_path, config)


def test_a_damaged_data_file(tmp_path, variables):
    checkpoint = write_checkpoint(tmp_path / "model.ckpt", variables)
    config = infer(checkpoint)
    (data,) = tmp_path.glob("model.ckpt.data-*")
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 0xFF
    data.write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint is damaged: model/\S+ cannot be read"):
        official.load(checkpoint, config)
    data.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"checkpoint is damaged: model/\S+ cannot be read"):
        official.load(checkpoint, config)
    data.unlink()
    with pytest.raises(ValueError, match="checkpoint"):
        official.load(checkpoint, config)


def test_an_average_that_is_not_whole_is_refused(tmp_path, variables):
    averages = {f"{name}/ExponentialMovingAverage": v for name, v in variables.items()}
    del averages["model/1/1/f1/l_2/W/ExponentialMovingAverage"]
    checkpoint = write_checkpoint(tmp_path / "model.ckpt", {**variables, **averages})
    official.load(checkpoint, infer(checkpoint))
    with pytest.raises(ValueError, match="model/1/1/f1/l_2/W/ExponentialMovingAverage is missing"):
        official.load(checkpoint, infer(checkpoint), averaged=True)


def test_a_permutation_that_is_none_is_refused(tmp_path):
    variables = official_reference.random_variables(**{**DEFAULTS, "permutation": "shuffle"})
    name = "model/0/1/shuffle/indices"
    variables[name] = np.zeros_like(variables[name])
    checkpoint = write_checkpoint(tmp_path / "model.ckpt", variables)
    with pytest.raises(ValueError, match=f"{name} is no permutation"):
        official.load(checkpoint, infer(checkpoint))


@pytest.mark.parametrize("name", ["model/0/0/f1/l_1/W", "model/0/0/f1/l_last/W"])
def test_without_its_first_step_nothing_is_determined(tmp_path, variables, name):
    variables["model/a/b/f1/l_1/W"] = variables[name]
    del variables[name]
    for wrong in ({}, {name: np.zeros([3, 3], np.float32)}):
        checkpoint = write_checkpoint(tmp_path / "model.ckpt", {**variables, **wrong})
        with pytest.raises(ValueError, match="has no flow step of the official code"):
            infer(checkpoint)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"image_size": 10}, "needs a height and width divisible by 4"),
        ({"image_size": "8"}, "`image_size` must be"),
        ({"image_size": (8, 8, 3)}, "`image_size` must be"),
        ({"num_bits": 9}, "`num_bits` must be an integer from 1 to 8, got 9"),
        ({"num_bits": None}, "does not determine num_bits"),
        ({"precision": "half"}, "`precision` must be one of"),
        ({"levels": 3}, r"itself determines \['levels'\]"),
        ({"depth": 3}, r"no field \['depth'\]"),
    ],
)
def test_wrong_information_is_refused(tmp_path, variables, given, message):
    checkpoint = write_checkpoint(tmp_path / "model.ckpt", variables)
    with pytest.raises(ValueError, match=message):
        infer(checkpoint, **given)
