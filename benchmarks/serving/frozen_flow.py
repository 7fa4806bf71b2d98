"""The frozen flow, which an export computes with, against the flow that is trained.

Prints what freezing gains for encoding (latent and likelihood) and for sampling, the two in turn,
and by how much their results differ:

    python -m benchmarks.serving.frozen_flow                           # K = 8, width 128
    python -m benchmarks.serving.frozen_flow --size=paper --repeats=10
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

import tfglow
from benchmarks.images import smooth_images
from benchmarks.measuring import alternate, ratio_line
from benchmarks.models import glow_config
from benchmarks.sizes import add_size_flags, size_from
from export.signatures import Signatures
from tfglow import likelihood
from tfglow.one_sentence_parser import OneSentenceParser


def main() -> None:
    parser = OneSentenceParser(description=__doc__)
    add_size_flags(parser)
    parser.add_argument("--repeats", type=int, default=20, help="timed runs of each")
    args = parser.parse_args()

    size = size_from(args)
    glow = tfglow.Glow(glow_config(size))
    images = smooth_images(size.batch_size, size.image_shape)
    glow.initialize(images)
    move_weights(glow)
    encode, decode, sample = trained_functions(glow, size.batch_size)
    frozen = Signatures(glow)
    seeds = tf.range(size.batch_size, dtype=tf.int64)
    temperatures = tf.fill([size.batch_size], 0.7)

    latent, bits = encode(images)
    answer = frozen.encode(images)
    pixels = [decode(latent), frozen.decode(latent)["image"]]
    levels = np.abs(np.subtract(*(p.numpy().astype(int) for p in pixels)))
    print("Largest differences, relative where a value is above 1:")
    print(f"latents, frozen from trained: {difference(answer['latent'], latent):.1e}")
    few = slice(0, 4)
    exact = in_float64(glow).encode(images[few])
    print(f"  trained from float64: {difference(latent[few], exact):.1e}")
    print(f"  frozen from float64: {difference(answer['latent'][few], exact):.1e}")
    print(f"bits per dimension: {difference(answer['bits_per_dim'], bits):.1e}")
    print(f"pixels that differ: {(levels > 0).mean():.1e}, by {levels.max()} of 255 at most")

    for name, functions in (
        ("encode", [lambda: encode(images)[0], lambda: frozen.encode(images)["latent"]]),
        ("sample", [sample, lambda: frozen.sample(seeds, temperatures)["image"]]),
    ):
        trained, other = (seconds.wall for seconds in alternate(functions, args.repeats))
        print(ratio_line(f"{name}, times as many images a second, frozen", trained, other))


def trained_functions(
    glow: tfglow.Glow, batch_size: int
) -> tuple[
    Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
    Callable[[tf.Tensor], tf.Tensor],
    Callable[[], tf.Tensor],
]:
    """What the signatures compute, by the flow that is trained: encode, decode and sample.

    Args:
      glow: The model.
      batch_size: How many images `sample` draws.
    """
    config = glow.config

    @tf.function(autograph=False)
    def encode(images):
        x = likelihood.dequantize(images, config.num_bits, 0.5)
        latent, log_det = glow.flow.forward_and_log_det(x)
        density = likelihood.standard_normal_log_prob(latent) + log_det
        log_prob = likelihood.discrete_log_prob(density, config.num_dims, config.num_bits)
        return latent, likelihood.bits_per_dim(log_prob, config.num_dims)

    decode = tf.function(glow.decode, autograph=False)
    sample = tf.function(lambda: glow.sample(batch_size, temperature=0.7, seed=0), autograph=False)
    return encode, decode, sample


def difference(values: tf.Tensor, expected: tf.Tensor) -> float:
    """The largest difference, relative to expected values above 1."""
    values, expected = values.numpy(), expected.numpy()
    return float(np.max(np.abs(values - expected) / np.maximum(1.0, np.abs(expected))))


def in_float64(glow: tfglow.Glow) -> tfglow.Glow:
    """The same model in float64, which shows what float32 itself is off by."""
    copy = tfglow.Glow(dataclasses.replace(glow.config, precision="float64"))
    for name, variable in copy.named_variables.items():
        variable.assign(tf.cast(glow.named_variables[name], variable.dtype))
    return copy


def move_weights(glow: tfglow.Glow) -> None:
    """Adds noise of a thousandth to every weight, so that no layer is the zero it starts as."""
    rng = np.random.default_rng(0)
    for variable in glow.trainable_variables:
        variable.assign_add(0.001 * rng.normal(size=variable.shape))


if __name__ == "__main__":
    main()
