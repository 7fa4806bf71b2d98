"""Draws the same samples at several temperatures."""

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from tfglow import Glow, likelihood
from tfglow.checks import check_temperature
from tfglow.pictures.image_grid import image_grid
from tfglow.runs.files import replace_file
from train.experiments.image_flags import add_checkpoint_flag, numbers
from train.experiments.trained_run import TrainedRun, decode
from train.flags import OneSentenceParser
from train.pictures import check_output, grey_or_rgb, write_png

_DESCRIPTION = """\
Draws samples at several temperatures, a row each, from the same seeds (section 6 of the paper),
and prints the mean likelihood that the model gives the samples of each.

  python train/experiments/temperature.py --run_dir=runs/digits --output=temperature.png
"""

# The temperatures of the paper's figure, from the top.
TEMPERATURES = (0.0, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_BATCH = 64


@dataclasses.dataclass(frozen=True)
class SamplesAtTemperature:
    """Samples at one temperature, and how likely they are under the model."""

    temperature: float
    # uint8 [N, H, W, C].
    images: np.ndarray
    # Mean log P of the samples, nats.
    log_prob: float
    # The same in bits per dimension, and its standard error over the samples.
    bits_per_dim: float
    standard_error: float


def sample_at_temperatures(
    glow: Glow,
    num: int,
    temperatures: Sequence[float] = TEMPERATURES,
    seed: int = 0,
    report: Callable[[str], None] = print,
) -> list[SamplesAtTemperature]:
    """Decodes T·ε for each temperature T, from the same ε ~ N(0, I).

    The samples' likelihood is that of discrete images, with one draw of dequantisation noise; at
    T < 1 they are more likely than samples of the model itself, at T = 1.

    Args:
      glow: The model. If it is conditional, the samples go through its classes.
      num: How many samples to draw at each temperature.
      temperatures: What ε is multiplied with; finite and at least 0.
      seed: The seed of ε and of the noise.
      report: A function that is called with a sentence if some samples have no image.

    Raises:
      ValueError: If an argument is out of range.
    """
    if num < 1:
        raise ValueError(f"`num` must be at least 1, got {num}.")
    config = glow.config
    for temperature in temperatures:
        check_temperature(temperature, num, config.dtype)
    eps = tf.random.stateless_normal([num, config.num_dims], [seed, 0], dtype=config.dtype).numpy()
    labels = np.arange(num, dtype=np.int32) % config.num_classes if config.num_classes else None
    results = []
    for temperature in temperatures:
        latents = np.asarray(temperature, eps.dtype) * eps
        images, finite = decode(glow, latents, labels, _BATCH)
        lost = int(np.sum(~finite))
        if lost:
            report(
                f"{lost} of {num} samples at temperature {temperature:g} are black: so far from "
                "all images the flow's inverse overflows."
            )
        batches = (
            {"image": images[i : i + _BATCH]}
            | ({} if labels is None else {"label": labels[i : i + _BATCH]})
            for i in range(0, num, _BATCH)
        )
        evaluation = likelihood.evaluate(glow.log_prob, batches, config.num_dims, seed=seed)
        results.append(
            SamplesAtTemperature(
                temperature=float(temperature),
                images=images,
                log_prob=-evaluation.bits_per_dim * config.num_dims * np.log(2.0),
                bits_per_dim=evaluation.bits_per_dim,
                standard_error=evaluation.standard_error,
            )
        )
    return results


def temperature_picture(results: Sequence[SamplesAtTemperature], columns: int) -> np.ndarray:
    """The first samples of each temperature, a row each, uint8 `[height, width, C]`."""
    columns = min(columns, len(results[0].images))
    return image_grid(grey_or_rgb(np.concatenate([r.images[:columns] for r in results])), columns)


def temperature_table(results: Sequence[SamplesAtTemperature]) -> str:
    """A table of temperatures and likelihoods, in Markdown."""
    lines = ["| T | mean log-likelihood, nats | bits/dim |", "|---:|---:|---:|"]
    lines += [
        f"| {r.temperature:g} | {r.log_prob:.1f} | {r.bits_per_dim:.3f} ± {r.standard_error:.3f} |"
        for r in results
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error is one sentence on standard error and a non-zero exit status."""
    parser = OneSentenceParser(prog="train/experiments/temperature.py", description=_DESCRIPTION)
    parser.add_argument("--run_dir", required=True, metavar="DIR", help="The run folder.")
    parser.add_argument(
        "--temperatures",
        type=numbers,
        default=list(TEMPERATURES),
        metavar="X,X,...",
        help=f"Default: {','.join(f'{t:g}' for t in TEMPERATURES)}.",
    )
    parser.add_argument(
        "--columns", type=int, default=10, metavar="N", help="Samples a row; default: 10."
    )
    parser.add_argument(
        "--samples",
        type=int,
        default=256,
        metavar="N",
        help="Samples a temperature for the mean likelihood; default: 256.",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="Default: 0.")
    add_checkpoint_flag(parser)
    parser.add_argument("--output", required=True, metavar="PNG", help="The picture to write.")
    parser.add_argument("--json", metavar="JSON", help="Writes the likelihoods there too.")
    flags = parser.parse_args(arguments)
    try:
        check_output(flags.output, ".png")
        if flags.json:
            check_output(flags.json, ".json")
        if flags.samples < 1:
            raise ValueError(f"`samples` must be at least 1, got {flags.samples}.")
        run = TrainedRun.open(flags.run_dir, flags.checkpoint)
        if not 1 <= flags.columns <= flags.samples:
            raise ValueError(
                f"`columns` must be from 1 to the {flags.samples} samples, got {flags.columns}."
            )
        results = sample_at_temperatures(run.glow, flags.samples, flags.temperatures, flags.seed)
        write_png(flags.output, temperature_picture(results, flags.columns))
        if flags.json:
            replace_file(flags.json, json.dumps([_numbers(r) for r in results], indent=2) + "\n")
    except (ValueError, OSError) as error:
        sys.exit(f"train/experiments/temperature.py: {error}")
    print(temperature_table(results))


def _numbers(result: SamplesAtTemperature) -> dict[str, Any]:
    return {name: value for name, value in vars(result).items() if name != "images"}


if __name__ == "__main__":
    main()
