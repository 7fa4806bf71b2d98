"""Checkpoints of the official code: its own numbers, and what does not fit."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

import tfglow
from tests.official_checkpoints import official_folder
from tfglow import likelihood, official
from tfglow.official.__main__ import convert, main
from tfglow.official.variables import entries
from tfglow.runs.run_folder import RunFolder
from train.evaluate import evaluate_run
from train.evaluate_config import EvaluateConfig

pytestmark = pytest.mark.slow

# What the checkpoints' names and shapes do not say.
GIVEN = {
    "affine_invconv_8bit": {"image_size": 32, "num_bits": 8},
    "additive_shuffle_conditional_5bit": {"image_size": 32, "num_bits": 5, "weight_y": 0.01},
}
SAID = {
    "affine_invconv_8bit": {
        "image_shape": (32, 32, 3),
        "levels": 3,
        "steps": 4,
        "width": 32,
        "coupling": "affine",
        "permutation": "invertible_1x1_conv",
        "parameterization": "full",
        "learn_top": True,
        "num_classes": 0,
        "weight_y": 0.0,
    },
    "additive_shuffle_conditional_5bit": {
        "image_shape": (32, 32, 3),
        "levels": 2,
        "steps": 3,
        "width": 24,
        "coupling": "additive",
        "permutation": "shuffle",
        "learn_top": True,
        "num_classes": 10,
        "weight_y": 0.01,
    },
}


@pytest.fixture(params=GIVEN)
def name(request):
    return request.param


@pytest.fixture
def checkpoint(name):
    return str(official_folder(name) / "model.ckpt")


@pytest.fixture
def expected(name):
    with np.load(official_folder(name) / "expected.npz") as values:
        return dict(values)


@functools.cache
def load(checkpoint, name, precision="float32"):
    """The model, traced once for all tests; not to be changed."""
    config = official.infer_config(checkpoint, precision=precision, **GIVEN[name])
    return official.load(checkpoint, config)


def labels_of(glow, expected):
    return tf.constant(expected["label"]) if glow.config.num_classes else None


def flat_latents(expected):
    levels = sorted(key for key in expected if key.startswith("eps_"))
    return np.concatenate([expected[key].reshape(8, -1) for key in levels], axis=1)


# Against the official code's own numbers.


def test_infers_all_that_names_and_shapes_determine(checkpoint, name):
    config = dataclasses.asdict(official.infer_config(checkpoint, **GIVEN[name]))
    assert {field: config[field] for field in SAID[name]} == SAID[name]


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("float64", 1e-5)])
def test_latents_and_bits_per_dim(checkpoint, name, expected, precision, tolerance):
    glow = load(checkpoint, name, precision)
    labels = labels_of(glow, expected)
    continuous = tf.cast(expected["continuous"], glow.config.dtype)
    latent, log_det, _ = glow.flow.forward_to_top(continuous, labels)
    start = 0
    for level, shape in enumerate(glow.flow.latent_shapes):
        official_eps = expected[f"eps_{level}"]
        eps = latent[:, start : start + np.prod(shape)].numpy().reshape(official_eps.shape)
        start += np.prod(shape)
        # Of the level as a whole: single values are 0 but for rounding.
        assert np.linalg.norm(eps - official_eps) < tolerance * np.linalg.norm(official_eps)
        assert np.abs(eps - official_eps).max() < tolerance * np.abs(official_eps).max()
    assert start == glow.config.num_dims
    density = glow.distribution.log_prob(
        continuous, bijector_kwargs={} if labels is None else {"labels": labels}
    )
    log_prob = likelihood.discrete_log_prob(density, glow.config.num_dims, glow.config.num_bits)
    bits = likelihood.bits_per_dim(log_prob, glow.config.num_dims)
    np.testing.assert_allclose(bits, expected["bits_per_dim"], atol=1e-4)
    assert log_det.shape == (8,)


def test_bits_per_dim_from_the_image_and_the_same_noise(checkpoint, name, expected):
    glow = load(checkpoint, name)
    num_bits = glow.config.num_bits
    levels = expected["image"] // 2 ** (8 - num_bits)
    noise = (expected["continuous"].astype("float64") + 0.5) * 2**num_bits - levels
    bits = glow.bits_per_dim(expected["image"], labels_of(glow, expected), noise=noise)
    np.testing.assert_allclose(bits, expected["bits_per_dim"], atol=1e-4)


def test_decodes_to_the_official_images(checkpoint, name, expected):
    glow = load(checkpoint, name)
    images = glow.decode(np.float32(0.7) * flat_latents(expected), labels_of(glow, expected))
    difference = np.abs(images.numpy().astype(int) - expected["decoded_07"])
    assert difference.max() <= 2 ** (8 - glow.config.num_bits)
    assert np.mean(difference > 0) < 1e-3


def test_moving_average_is_another_model(checkpoint, name, expected):
    config = official.infer_config(checkpoint, **GIVEN[name])
    raw, average = (official.load(checkpoint, config, averaged=a) for a in (False, True))
    reader = tf.train.load_checkpoint(checkpoint)
    stored = reader.get_tensor("model/0/0/f1/l_1/W/ExponentialMovingAverage")
    kernel = average.flow.steps[0][0].coupling.network.conv_1.kernel
    np.testing.assert_array_equal(kernel, stored)
    assert np.abs(stored - reader.get_tensor("model/0/0/f1/l_1/W")).max() > 0
    assert len(raw.weights) == len(average.weights)
    assert official.has_average(checkpoint)


# Checkpoints of other configurations, written here under the official names.


def write_checkpoint(tmp_path, values):
    prefix = str(tmp_path / "written.ckpt")
    names = sorted(values)
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(values[name]) for name in names],
    )
    return prefix


def official_values(config, seed=0):
    """Random values for all variables that the official code has for a configuration."""
    rng = np.random.default_rng(seed)
    values = {}
    for entry in entries(tfglow.Glow(config)):
        if entry.name in values:  # A part of P·L·(U + diag(…)), which came with P.
            continue
        values[entry.name] = (0.1 * rng.normal(size=entry.shape)).astype("float32")
        if entry.name.endswith("invconv/W"):
            values[entry.name] += np.eye(*entry.shape, dtype="float32")
        if entry.name.endswith("indices"):
            values[entry.name] = rng.permutation(entry.shape[0]).astype("int32")
            values[f"{entry.name}_inverse"] = np.argsort(values[entry.name]).astype("int32")
        if entry.name.endswith("/invconv/P"):
            rotation = np.linalg.qr(rng.normal(size=entry.shape))[0].astype("float32")
            values |= plu(rotation, entry.name.removesuffix("P"))
    # The optimizer's and the average's, which are not the model's.
    values |= {"Variable": np.float32(3.0), "Variable_1": np.zeros([2, 2], "float32")}
    return values


def plu(weight, prefix):
    """W as the official code stores it, P·L·(U + diag(sign_S·exp(log_S)))."""
    packed, rows = (value.numpy() for value in tf.linalg.lu(weight.astype("float64")))
    permutation = np.zeros_like(packed)
    permutation[rows, np.arange(len(rows))] = 1
    diagonal = np.diag(packed)
    parts = {
        "P": permutation,
        "L": np.tril(packed, -1),
        "U": np.triu(packed, 1),
        "sign_S": np.sign(diagonal),
        "log_S": np.log(np.abs(diagonal)),
    }
    values = {f"{prefix}{key}": part.astype("float32") for key, part in parts.items()}
    # Read for the columns below the diagonal alone: the official code masks the rest.
    values[f"{prefix}L"] += np.triu(np.ones_like(packed)).astype("float32")
    return values


OTHERS = {
    "reverse, two steps": {"permutation": "reverse", "learn_top": False, "steps": 2},
    "lu, one channel": {"parameterization": "lu", "image_shape": (8, 8, 1)},
    "one level": {"levels": 1, "coupling": "additive", "parameterization": "full"},
    "labels without a classifier": {"num_classes": 3, "permutation": "shuffle", "num_bits": 5},
    "classifier": {"num_classes": 3, "weight_y": 0.5, "parameterization": "full"},
}


@pytest.mark.parametrize("fields", OTHERS.values(), ids=OTHERS)
def test_other_configurations(tmp_path, fields):
    config = tfglow.GlowConfig(
        **{**dict(image_shape=(8, 8, 3), levels=2, steps=1, width=6), **fields}
    )
    values = official_values(config)
    checkpoint = write_checkpoint(tmp_path, values)
    given = {"image_size": 8, "num_bits": config.num_bits}
    if config.weight_y:
        given["weight_y"] = config.weight_y
    assert official.infer_config(checkpoint, **given) == config
    glow = official.load(checkpoint, config)
    network = glow.flow.steps[-1][-1].coupling.network
    prefix = f"model/{config.levels - 1}/{config.steps - 1}/f1/l_last"
    np.testing.assert_array_equal(network.conv_last.kernel, values[f"{prefix}/W"])
    np.testing.assert_array_equal(network.conv_last.logs, values[f"{prefix}/logs"][0])
    if config.learn_top:
        edge = values["model/prior/p/W"][:, :, -1:]
        np.testing.assert_array_equal(glow.flow.top_prior.edge_kernel, edge)
    images = np.random.default_rng(1).integers(0, 256, (4, *config.image_shape)).astype("uint8")
    images &= 256 - 2 ** (8 - config.num_bits)
    labels = [0, 1, 2, 0] if config.num_classes else None
    np.testing.assert_array_equal(glow.decode(glow.encode(images, labels), labels), images)


def test_lu_gives_the_same_function(tmp_path):
    config = tfglow.GlowConfig(image_shape=(8, 8, 3), levels=1, steps=1, width=4)
    weight = np.linalg.qr(np.random.default_rng(5).normal(size=(12, 12)))[0].astype("float32")
    values = official_values(config) | plu(weight, "model/0/0/invconv/")
    layer = official.load(write_checkpoint(tmp_path, values), config).flow.steps[0][0].permutation
    x = np.random.default_rng(6).normal(size=(2, 4, 4, 12)).astype("float32")
    np.testing.assert_allclose(layer.forward(x), x @ weight, atol=2e-6)
    log_det = 16 * np.linalg.slogdet(weight)[1]
    np.testing.assert_allclose(layer.forward_log_det_jacobian(x, 3), log_det, atol=1e-4)


# What is refused.


@pytest.fixture
def tiny():
    return tfglow.GlowConfig(
        image_shape=(8, 8, 3), levels=2, steps=1, width=4, parameterization="full"
    )


def test_names_what_is_missing_left_over_or_misshapen(tmp_path, tiny):
    values = official_values(tiny)
    del values["model/0/0/actnorm_center/b"]
    values["model/0/0/invconv/P"] = np.eye(12, dtype="float32")
    values["model/1/0/f1/l_2/W"] = np.zeros([1, 1, 4, 5], "float32")
    with pytest.raises(ValueError) as error:
        official.load(write_checkpoint(tmp_path, values), tiny)
    assert "missing model/0/0/actnorm_center/b (1, 1, 1, 12)" in str(error.value)
    assert "left over model/0/0/invconv/P (12, 12)" in str(error.value)
    shapes = "model/1/0/f1/l_2/W has the shape (1, 1, 4, 5), the model needs (1, 1, 4, 4)"
    assert shapes in str(error.value)
    for name in ("model/prior/p/b", "model/prior/p/logs"):
        del values[name]
    with pytest.raises(ValueError, match=r"; and 2 more\.$"):
        official.load(write_checkpoint(tmp_path, values), tiny)


def test_refuses_what_is_not_there_or_damaged(tmp_path, tiny):
    with pytest.raises(ValueError, match=r"no readable checkpoint at .*absent"):
        official.load(str(tmp_path / "absent"), tiny)
    values = official_values(tiny)
    checkpoint = write_checkpoint(tmp_path, values)
    with pytest.raises(ValueError, match=r"no moving average: model/\S+ExponentialMovingAverage"):
        official.load(checkpoint, tiny, averaged=True)
    values["model/0/0/invconv/W"][0, 0] = np.nan
    with pytest.raises(ValueError, match="model/0/0/invconv/W holds values that are not finite"):
        official.load(write_checkpoint(tmp_path, values), tiny)


def test_asks_for_the_rest_by_name(tmp_path, tiny):
    config = dataclasses.replace(tiny, num_classes=3, weight_y=0.1)
    checkpoint = write_checkpoint(tmp_path, official_values(config))
    with pytest.raises(ValueError, match="does not determine image_size, num_bits, weight_y"):
        official.infer_config(checkpoint)
    with pytest.raises(ValueError, match="has no flow step of the official code"):
        official.infer_config(write_checkpoint(tmp_path, {"Variable": np.float32(0)}))


# The command.


def test_command_writes_a_run_folder(checkpoint, name, tmp_path, expected):
    given = [f"--{key}={value}" for key, value in GIVEN[name].items()]
    main([checkpoint, "--out", str(tmp_path / "run"), *given])
    run = RunFolder.open(tmp_path / "run")
    raw, average = (run.load_glow(weights) for weights in ("raw", "averaged"))
    config = official.infer_config(checkpoint, **GIVEN[name])
    for glow, averaged in ((raw, False), (average, True)):
        wanted = official.load(checkpoint, config, averaged=averaged)
        assert glow.config == wanted.config
        for mine, theirs in zip(glow.get_weights(), wanted.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    labels = labels_of(raw, expected)
    latents = load(checkpoint, name).encode(expected["image"], labels)
    np.testing.assert_array_equal(raw.encode(expected["image"], labels), latents)


def test_evaluation_accepts_the_run_folder(shared_dir, tmp_path):
    # The images are the test split's first, and the checkpoint's own numbers those of one draw.
    name = "affine_invconv_8bit"
    convert(str(official_folder(name)), tmp_path / "run", **GIVEN[name])
    results = evaluate_run(
        EvaluateConfig(tmp_path / "run", images=64),
        dataset="cifar10",
        data_dir=str(shared_dir / "tfds"),
    )
    with np.load(official_folder(name) / "expected.npz") as values:
        official_bits = values["bits_per_dim"]
    raw = results["raw"]["bits_per_dim"]
    assert abs(raw - official_bits.mean()) < 3 * official_bits.std()


def test_command_leaves_nothing_of_a_failure(tmp_path, tiny):
    values = official_values(tiny)
    del values["model/prior/p/W"]
    checkpoint = write_checkpoint(tmp_path, values)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(SystemExit, match="left over model/prior/p/b"):
        main([checkpoint, "--out", str(tmp_path / "run"), "--image_size=8", "--num_bits=8"])
    assert sorted(tmp_path.iterdir()) == before
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("mine")
    with pytest.raises(ValueError, match="taken' exists and is not an empty folder"):
        convert(checkpoint, tmp_path / "taken", image_size=8, num_bits=8)
