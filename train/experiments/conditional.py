"""Draws samples by class, and tells classes apart."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfglow.counting import counted
from tfglow.one_sentence_parser import OneSentenceParser
from tfglow.pictures.labelled_grid import labelled_grid
from train.evaluate import evaluate_run
from train.evaluate_config import EvaluateConfig
from train.experiments.image_flags import add_checkpoint_flag, integers
from train.experiments.trained_run import Decoded, TrainedRun, decode
from train.outputs import check_output
from train.pictures import grey_or_rgb, report_missing, write_png

if TYPE_CHECKING:
    from tfglow import Glow

_DESCRIPTION = """\
Draws samples of a conditional model, a class a row, and prints how often its classifier, a linear
map of the top latent's mean over space, names the right class of the evaluation split's images.

  python train/experiments/conditional.py --run_dir=runs/cifar10_conditional --output=classes.png
"""


def samples_by_class(
    glow: "Glow", classes: Sequence[int], columns: int, temperature: float, seed: int = 0
) -> Decoded:
    """Samples of every class from the same latents, uint8 `[classes, columns, H, W, C]`.

    Every class takes the same ε, so that a column shows what the label alone changes.

    Raises:
      ValueError: If the model is not conditional, or an argument is out of range.
    """
    if not glow.config.num_classes:
        raise ValueError("The model is unconditional (num_classes = 0): it has no classes to show.")
    if columns < 1:
        raise ValueError(f"`columns` must be at least 1, got {columns}.")
    latents = np.tile(glow.sample_latents(columns, temperature, seed), [len(classes), 1])
    labels = np.repeat(np.asarray(classes, np.int32), columns)
    return decode(glow, latents, labels).in_rows(columns)


def class_picture(rows: Decoded, names: Sequence[str]) -> np.ndarray:
    """Samples `[classes, columns, H, W, C]`, a named class a row: uint8 `[height, width, C]`."""
    images = grey_or_rgb(rows.images)
    return labelled_grid(
        images.reshape(-1, *images.shape[2:]),
        images.shape[1],
        row_labels=names,
        valid=rows.valid.reshape(-1),
    )


def class_label(names: Sequence[str], number: int) -> str:
    """A class as it stands beside its images, such as "3 cat"; its number if that is its name."""
    return str(number) if names[number] == str(number) else f"{number} {names[number]}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error is one sentence on standard error and a non-zero exit status."""
    parser = OneSentenceParser(prog="train/experiments/conditional.py", description=_DESCRIPTION)
    parser.add_argument("--run_dir", required=True, metavar="DIR", help="The run folder.")
    parser.add_argument(
        "--classes", type=integers, metavar="N,N,...", help="Classes; default: the first ten."
    )
    parser.add_argument(
        "--columns", type=int, default=10, metavar="N", help="Samples a class; default: 10."
    )
    parser.add_argument("--temperature", type=float, default=0.7, metavar="X", help="Default: 0.7.")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="Default: 0.")
    add_checkpoint_flag(parser)
    parser.add_argument("--data_dir", metavar="DIR", help="Default: the run's.")
    parser.add_argument("--output", required=True, metavar="PNG", help="The picture to write.")
    flags = parser.parse_args(arguments)
    try:
        check_output(flags.output, ".png")
        run = TrainedRun.open(flags.run_dir, flags.checkpoint)
        classes = flags.classes or range(min(run.glow.config.num_classes, 10))
        rows = samples_by_class(run.glow, classes, flags.columns, flags.temperature, flags.seed)
        config = EvaluateConfig(Path(flags.run_dir), checkpoint=flags.checkpoint)
        data_dir = {} if flags.data_dir is None else {"data_dir": flags.data_dir}
        result = evaluate_run(config, **data_dir)
        names = run.load_split(data_dir=flags.data_dir).class_names
        write_png(flags.output, class_picture(rows, [class_label(names, c) for c in classes]))
    except (ValueError, OSError) as error:
        sys.exit(f"train/experiments/conditional.py: {error}")
    print(f"Samples: {flags.output}")
    report_missing(rows.valid, "samples")
    print(_report(result))


def _report(result: dict[str, Any]) -> str:
    values = result.get("averaged", result["raw"])
    of = f"{counted(values['num_images'], 'image')} of {result['dataset']}, split {result['split']}"
    lines = [f"{values['bits_per_dim']:.4f} ± {values['standard_error']:.4f} bits/dim on {of}"]
    if "accuracy" in values:
        lines.append(f"{values['accuracy']:.2%} classified right from the latent")
    else:
        lines.append("The model was trained without a classifier (weight_y = 0).")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
