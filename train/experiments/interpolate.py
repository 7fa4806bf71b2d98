"""Draws images between images."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfglow import latents
from tfglow.one_sentence_parser import OneSentenceParser
from tfglow.pictures.image_grid import image_grid
from train.experiments.image_flags import add_image_flags, images_from_flags
from train.experiments.trained_run import Decoded, TrainedRun, decode, encode
from train.outputs import check_output
from train.pictures import grey_or_rgb, report_missing, write_gif, write_png

if TYPE_CHECKING:
    from tfglow import Glow

_DESCRIPTION = """\
Draws the images on a path between two, in a run's latent space (section 6 of the paper).

  python train/experiments/interpolate.py --run_dir=runs/fashion --indices=3,8 --output=strip.png
      between two images of the run's evaluation split
  python train/experiments/interpolate.py --run_dir=runs/faces --files A.png B.png \\
      --path=spherical --steps=16 --output=strip.png --gif=faces.gif

With more than two images, every two of them make a row.
"""


def interpolate_images(
    glow: "Glow",
    first: np.ndarray,
    second: np.ndarray,
    steps: int,
    path: str = "linear",
    labels: tuple[int, int] | None = None,
) -> Decoded:
    """Images on a path between two, in latent space.

    Args:
      glow: The model.
      first: The image to start from, uint8 `[H, W, C]`.
      second: The image to end at, uint8 `[H, W, C]`.
      steps: How many images to draw, the two ends included.
      path: "linear" or "spherical", as `tfglow.latents.interpolate` has them.
      labels: The labels of both, for a conditional model. An image in between takes the label of
        the nearer end.

    Returns:
      Images uint8 `[steps, H, W, C]`, and which of them there are; the ends are the two images, in
      the model's bits.

    Raises:
      ValueError: If `Glow.encode` or `tfglow.latents.interpolate` refuses its arguments.
    """
    ends = None if labels is None else np.array(labels, np.int32)
    z = encode(glow, np.stack([first, second]), ends)
    z = latents.interpolate(z[0], z[1], steps, path)  # [steps, D]
    inner = None if ends is None else ends[np.arange(steps) * 2 // steps]
    return decode(glow, z, inner)


def interpolate_pairs(
    glow: "Glow",
    images: np.ndarray,
    steps: int,
    path: str = "linear",
    labels: np.ndarray | None = None,
) -> Decoded:
    """A row of images for every two of `images`, `[N, H, W, C]`: uint8 `[N/2, steps, H, W, C]`.

    Raises:
      ValueError: If `interpolate_images` refuses, or N is odd.
    """
    if not len(images) or len(images) % 2:
        raise ValueError(f"Expected an even number of images, two a path; got {len(images)}.")
    rows = []
    for start in range(0, len(images), 2):
        ends = None if labels is None else (labels[start], labels[start + 1])
        first, second = images[start : start + 2]
        rows.append(interpolate_images(glow, first, second, steps, path, ends))
    return Decoded(*(np.stack(parts) for parts in zip(*rows, strict=True)))


def write_interpolation(
    rows: Decoded, output: str | os.PathLike, gif: str | os.PathLike | None = None
) -> None:
    """Writes rows of images, `[N, steps, H, W, C]`, as a picture, and their steps as a GIF."""
    images, valid = grey_or_rgb(rows.images), rows.valid
    num, steps = valid.shape
    flat = images.reshape(-1, *images.shape[2:])
    write_png(output, image_grid(flat, steps, valid=valid.reshape(-1)))
    if gif:
        frames = [image_grid(images[:, i], num, valid=valid[:, i]) for i in range(steps)]
        write_gif(gif, frames)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error is one sentence on standard error and a non-zero exit status."""
    parser = OneSentenceParser(prog="train/experiments/interpolate.py", description=_DESCRIPTION)
    parser.add_argument("--run_dir", required=True, metavar="DIR", help="The run folder.")
    add_image_flags(parser)
    parser.add_argument(
        "--steps", type=int, default=9, metavar="N", help="Images a row, with the ends; default: 9."
    )
    parser.add_argument(
        "--path", default="linear", metavar="linear|spherical", help="Default: linear."
    )
    parser.add_argument("--output", required=True, metavar="PNG", help="The picture to write.")
    parser.add_argument("--gif", metavar="GIF", help="An animation to write too.")
    flags = parser.parse_args(arguments)
    try:
        check_output(flags.output, ".png")
        if flags.gif:
            check_output(flags.gif, ".gif")
        run = TrainedRun.open(flags.run_dir, flags.checkpoint)
        images, labels = images_from_flags(run, flags)
        rows = interpolate_pairs(run.glow, images, flags.steps, flags.path, labels)
        write_interpolation(rows, flags.output, flags.gif)
    except (ValueError, OSError) as error:
        sys.exit(f"train/experiments/interpolate.py: {error}")
    print(" and ".join(filter(None, [flags.output, flags.gif])))
    report_missing(rows.valid, "images")


if __name__ == "__main__":
    main()
