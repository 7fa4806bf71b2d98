"""Finds and applies attribute directions."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfglow.latents import AttributeDirections
from tfglow.one_sentence_parser import OneSentenceParser
from tfglow.pictures.labelled_grid import labelled_grid
from train.experiments.attribute_fitting import directions_from_labels, directions_from_table
from train.experiments.image_flags import (
    add_checkpoint_flag,
    add_image_flags,
    images_from_flags,
    numbers,
    words,
)
from train.experiments.trained_run import Decoded, TrainedRun, decode, encode
from train.outputs import check_output
from train.pictures import grey_or_rgb, report_missing, write_png

if TYPE_CHECKING:
    from tfglow import Glow

_DESCRIPTION = """\
Directions in a run's latent space along which an attribute comes and goes: the mean latent of the
images with it minus that of those without (section 6 of the paper).

  python train/experiments/attributes.py find --run_dir=runs/fashion \\
      --pairs=sneaker:boot --output=boot.npz
      from the mean of one class of the run's data set to that of another
  python train/experiments/attributes.py find --run_dir=runs/faces --table=attributes.csv \\
      --folder=faces --output=faces.npz
      from a table, CSV or CelebA's own list_attr_celeba.txt: a header, and in each row a file
      name, then 1, 0 or -1 an attribute
  python train/experiments/attributes.py apply --run_dir=runs/fashion --directions=boot.npz \\
      --attribute=sneaker:boot --indices=3,13 --strengths=0,0.5,1,1.5 --output=boot.png
      a row an image, a column a strength
"""
STRENGTHS = (-1.0, -0.5, 0.0, 0.5, 1.0)


def apply_direction(
    glow: "Glow",
    images: np.ndarray,
    directions: AttributeDirections,
    attribute: str,
    strengths: Sequence[float] = STRENGTHS,
    labels: np.ndarray | None = None,
) -> Decoded:
    """Images with an attribute at several strengths.

    Args:
      glow: The model.
      images: uint8 `[N, H, W, C]`.
      directions: Directions in this model's latent space.
      attribute: The attribute to change, one of `directions.names`.
      strengths: 0 is the image itself; 1 as far as from the mean without to that with it.
      labels: int `[N]`, for a conditional model.

    Returns:
      Images uint8 `[N, strengths, H, W, C]`, and which of them there are.

    Raises:
      ValueError: If there is no such attribute, or it is of another model's latents.
    """
    latents = directions.apply(encode(glow, images, labels), attribute, strengths)
    _, count, dims = latents.shape
    repeated = None if labels is None else np.repeat(labels, count)
    flat = latents.reshape(-1, dims)
    return decode(glow, flat, repeated).in_rows(count)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error is one sentence on standard error and a non-zero exit status."""
    flags = _parser().parse_args(arguments)
    try:
        {"find": _find, "apply": _apply}[flags.command](flags)
    except (ValueError, OSError) as error:
        sys.exit(f"train/experiments/attributes.py: {error}")


def _find(flags: argparse.Namespace) -> None:
    check_output(flags.output, ".npz")
    if bool(flags.table) != bool(flags.folder):
        raise ValueError("A --table of attributes needs the --folder of its files, and reverse.")
    of_data = ("pairs", "images", "split", "data_dir")
    given = [f"--{name}" for name in of_data if getattr(flags, name) is not None]
    if flags.table and given:
        raise ValueError(
            f"{given[0]} is of a data set; a --table has its own files and attributes."
        )
    if flags.images is not None and flags.images < 1:
        raise ValueError(f"--images must be at least 1, got {flags.images}.")
    pairs = [_pair(text) for text in flags.pairs or ()]
    run = TrainedRun.open(flags.run_dir, flags.checkpoint)
    if flags.table:
        directions = directions_from_table(run, flags.table, flags.folder)
    else:
        data = run.load_split(flags.split or run.config.train_split, flags.data_dir)
        directions = directions_from_labels(run, data, pairs, flags.images)
    directions.save(flags.output)
    print(f"{flags.output}: {', '.join(directions.names)}")


def _apply(flags: argparse.Namespace) -> None:
    check_output(flags.output, ".png")
    directions = AttributeDirections.load(flags.directions)
    run = TrainedRun.open(flags.run_dir, flags.checkpoint)
    images, labels = images_from_flags(run, flags)
    rows, valid = apply_direction(
        run.glow, images, directions, flags.attribute, flags.strengths, labels
    )
    picture = labelled_grid(
        grey_or_rgb(rows.reshape(-1, *rows.shape[2:])),
        len(flags.strengths),
        column_labels=[f"{strength:g}" for strength in flags.strengths],
        valid=valid.reshape(-1),
    )
    write_png(flags.output, picture)
    print(flags.output)
    report_missing(valid, f"images along {flags.attribute!r}")


def _parser() -> argparse.ArgumentParser:
    parser = OneSentenceParser(prog="train/experiments/attributes.py", description=_DESCRIPTION)
    commands = parser.add_subparsers(dest="command", required=True, metavar="find|apply")

    find = commands.add_parser("find", help="Writes directions.", description=_DESCRIPTION)
    find.add_argument("--run_dir", required=True, metavar="DIR", help="The run folder.")
    find.add_argument(
        "--pairs",
        type=words,
        metavar="A:B,...",
        help="Classes to lead from and to; default: to each class from all others.",
    )
    find.add_argument("--split", metavar="NAME", help="Default: the run's training split.")
    find.add_argument("--data_dir", metavar="DIR", help="Default: the run's.")
    find.add_argument("--images", type=int, metavar="N", help="Only the first N; default: all.")
    find.add_argument("--table", metavar="FILE", help="File names and attributes.")
    find.add_argument("--folder", metavar="DIR", help="Where the table's files are.")
    add_checkpoint_flag(find)
    find.add_argument("--output", required=True, metavar="NPZ", help="The file to write.")

    apply = commands.add_parser("apply", help="Draws a picture.", description=_DESCRIPTION)
    apply.add_argument("--run_dir", required=True, metavar="DIR", help="The run folder.")
    apply.add_argument(
        "--directions", required=True, metavar="NPZ", help="What `find` wrote for this model."
    )
    apply.add_argument("--attribute", required=True, metavar="NAME", help="Which of them.")
    apply.add_argument(
        "--strengths",
        type=numbers,
        default=list(STRENGTHS),
        metavar="X,X,...",
        help=f"Default: {','.join(f'{s:g}' for s in STRENGTHS)}.",
    )
    add_image_flags(apply)
    apply.add_argument("--output", required=True, metavar="PNG", help="The picture to write.")
    return parser


def _pair(text: str) -> tuple[str, str]:
    start, colon, end = text.partition(":")
    if not (colon and start and end):
        raise ValueError(f"A pair is two classes, A:B, got {text!r}.")
    return start, end


if __name__ == "__main__":
    main()
