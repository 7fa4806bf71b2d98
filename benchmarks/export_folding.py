"""The folded inference graph that export writes against the training graph.

Prints what folding gains for encoding (latent and likelihood) and for sampling, the two in turn,
and by how much their results differ:

    python -m benchmarks.export_folding                           # K = 8, width 128
    python -m benchmarks.export_folding --steps=32 --width=512 --batch_size=16 --repeats=10
"""

import argparse
import dataclasses

import numpy as np
import tensorflow as tf

import tfglow
from benchmarks.timing import alternate, ratio_line
from export.signatures import Signatures
from tfglow import likelihood


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--levels", type=int, default=3, help="L")
    parser.add_argument("--steps", type=int, default=8, help="K, flow steps a level")
    parser.add_argument("--width", type=int, default=128, help="channels of the hidden layers")
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=20, help="timed runs of each")
    args = parser.parse_args()

    config = tfglow.GlowConfig(
        image_shape=(32, 32, 3), levels=args.levels, steps=args.steps, width=args.width
    )
    glow = tfglow.Glow(config)
    images = smooth_images(args.batch_size, config.image_shape)
    glow.initialize(images)
    move_weights(glow)
    encode, decode, sample = unfolded_functions(glow, args.batch_size)
    folded = Signatures(glow)
    seeds = tf.range(args.batch_size, dtype=tf.int64)
    temperatures = tf.fill([args.batch_size], 0.7)

    latent, bits = encode(images)
    answer = folded.encode(images)
    pixels = [decode(latent), folded.decode(latent)["image"]]
    levels = np.abs(np.subtract(*(p.numpy().astype(int) for p in pixels)))
    print("Largest differences, relative where a value is above 1:")
    print(f"latents, folded from unfolded: {difference(answer['latent'], latent):.1e}")
    few = slice(0, 4)
    exact = in_float64(glow).encode(images[few])
    print(f"  unfolded from float64: {difference(latent[few], exact):.1e}")
    print(f"  folded from float64: {difference(answer['latent'][few], exact):.1e}")
    print(f"bits per dimension: {difference(answer['bits_per_dim'], bits):.1e}")
    print(f"pixels that differ: {(levels > 0).mean():.1e}, by {levels.max()} of 255 at most")

    encode_times = alternate(
        [lambda: encode(images)[0], lambda: folded.encode(images)["latent"]], args.repeats
    )
    sample_times = alternate(
        [sample, lambda: folded.sample(seeds, temperatures)["image"]], args.repeats
    )
    print(ratio_line("encode, folded / unfolded, images a second", *encode_times))
    print(ratio_line("sample, folded / unfolded, images a second", *sample_times))


def unfolded_functions(glow: tfglow.Glow, batch_size: int):
    """What the signatures compute, by the training graph: encode, decode and sample."""
    config = glow.config
    decode = tf.function(glow.decode, autograph=False)

    @tf.function(autograph=False)
    def encode(images):
        x = likelihood.dequantize(images, config.num_bits, 0.5)
        latent, log_det, _ = glow.flow.forward_to_top(x)
        gaussian = -0.5 * tf.reduce_sum(tf.square(latent) + np.log(2 * np.pi), axis=-1)
        log_prob = likelihood.discrete_log_prob(
            gaussian + log_det, config.num_dims, config.num_bits
        )
        return latent, likelihood.bits_per_dim(log_prob, config.num_dims)

    @tf.function(autograph=False)
    def sample():
        return glow.sample(batch_size, temperature=0.7, seed=0)

    return encode, decode, sample


def difference(values: tf.Tensor, expected: tf.Tensor) -> float:
    """The largest difference, relative to expected values above 1."""
    values, expected = values.numpy(), expected.numpy()
    return float(np.max(np.abs(values - expected) / np.maximum(1.0, np.abs(expected))))


def in_float64(glow: tfglow.Glow) -> tfglow.Glow:
    """The same model in float64, which shows what float32 itself is off by."""
    copy = tfglow.Glow(dataclasses.replace(glow.config, precision="float64"))
    for variable, value in zip(copy.weights, glow.weights, strict=True):
        variable.assign(tf.cast(value.value, variable.dtype))
    return copy


def move_weights(glow: tfglow.Glow, scale: float = 0.001) -> None:
    """Adds noise to every weight, so that no layer is the zero it starts as."""
    rng = np.random.default_rng(0)
    for variable in glow.trainable_variables:
        variable.assign_add(scale * rng.normal(size=variable.shape))


def smooth_images(num: int, image_shape: tuple[int, int, int]) -> tf.Tensor:
    """Random images whose neighbouring pixels are alike, as photographs' are, uint8."""
    height, width, channels = image_shape
    coarse = np.random.default_rng(0).uniform(0, 255, size=[num, 4, 4, channels])
    return tf.cast(tf.image.resize(coarse, [height, width], "bicubic", antialias=True), tf.uint8)


if __name__ == "__main__":
    main()
