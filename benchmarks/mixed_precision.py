"""Round trips of a trained run's weights in float32 and in mixed bfloat16.

The same weights in both precisions, images there and back, in two ways: by the flow itself, whose
networks compute in the given precision in both directions, and by `Glow.encode` and `decode`. It
prints how many images come back with another byte, how far the flow's continuous images are off,
and the bits per dimension that they get.

    python -m benchmarks.mixed_precision --run_dir=runs/cifar10 --data_dir=DIR --num_images=256
"""

import argparse
from typing import TYPE_CHECKING

import numpy as np

from tfglow.one_sentence_parser import OneSentenceParser

if TYPE_CHECKING:
    import tfglow

COMPARED = ("float32", "mixed_bfloat16")


def main() -> None:
    parser = OneSentenceParser(description=__doc__)
    parser.add_argument("--run_dir", required=True, help="the run's folder")
    parser.add_argument("--data_dir", help="the folder of the run's data set")
    parser.add_argument("--split", default="test")
    parser.add_argument("--num_images", type=int, default=256, help="at most; 0: all")
    parser.add_argument("--batch_size", type=int, default=64)
    args = parser.parse_args()

    from tfglow.runs import RunFolder

    run = RunFolder.open(args.run_dir)
    weights = run.find_weights()
    dataset = run.read_config()["dataset"]
    images = load_images(dataset, args, weights.config.image_shape)
    print(f"{len(images)} images of {dataset}, {args.split}")
    print(f"The {weights.kind} weights of {weights.prefix}")
    columns = ("differing by the flow", "by encode and decode", "largest error, bins", "mean")
    print(f"\n| precision | {' | '.join(columns)} | bits/dim |")
    print("|---|---:|---:|---:|---:|---:|")
    for precision in COMPARED:
        glow = weights.load(precision)
        differing, errors, bits = round_trips(glow, images, args.batch_size)
        print(
            f"| {precision} | {differing[0]} | {differing[1]} | {errors.max():.2e} "
            f"| {errors.mean():.2e} | {np.mean(bits):.4f} |",
            flush=True,
        )


def load_images(
    dataset: str, args: argparse.Namespace, image_shape: tuple[int, int, int]
) -> np.ndarray:
    """uint8 `[N, H, W, C]`."""
    from tfglow import datasets

    data = datasets.load(dataset, args.split, args.data_dir, image_shape)
    batches = data.batches(args.batch_size, drop_remainder=False)
    images = np.concatenate([batch["image"].numpy() for batch in batches])
    return images[: args.num_images or None]


def round_trips(
    glow: "tfglow.Glow", images: np.ndarray, batch_size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images with another byte, by flow and by model; the flow's largest errors, bins; bits/dim."""
    import tensorflow as tf

    from tfglow import likelihood

    num_bits = glow.config.num_bits

    @tf.function(autograph=False)
    def round_trip(batch):
        x = likelihood.dequantize(batch, num_bits, 0.5)
        latent, _ = glow.flow.forward_and_log_det(x)
        back, _ = glow.flow.inverse_and_log_det(latent)
        # An image comes back as long as every error is below half a bin.
        error = tf.reduce_max(tf.abs(back - x), axis=[1, 2, 3]) * 2.0**num_bits
        bits = glow.bits_per_dim(batch, noise=tf.fill(tf.shape(x), 0.5))
        decoded = glow.decode(glow.encode(batch))
        return likelihood.quantize(back, num_bits), decoded, error, bits

    differing, errors, bits = np.zeros(2, int), [], []
    drop = 8 - num_bits
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size]
        *images_back, error, batch_bits = (t.numpy() for t in round_trip(tf.constant(batch)))
        kept = batch >> drop << drop
        differing += [(back != kept).any(axis=(1, 2, 3)).sum() for back in images_back]
        errors.append(error)
        bits.append(batch_bits)
    return differing, np.concatenate(errors), np.concatenate(bits)


if __name__ == "__main__":
    main()
