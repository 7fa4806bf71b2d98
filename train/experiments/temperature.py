"""Draws the same samples at several temperatures."""

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfglow.one_sentence_parser import OneSentenceParser
from tfglow.pictures.labelled_grid import labelled_grid
from tfglow.whole_files import replace_file
from train.experiments.image_flags import add_checkpoint_flag, numbers
from train.experiments.trained_run import TrainedRun, decode
from train.outputs import check_output
from train.pictures import grey_or_rgb, report_missing, write_png

if TYPE_CHECKING:
    from tfglow import Glow

_DESCRIPTION = """\
Draws samples at several temperatures, a row each, from the same seeds (section 6 of the paper),
and prints the mean likelihood that the model gives the samples of each.

  python train/experiments/temperature.py --run_dir=runs/fashion --output=temperature.png
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
    # Which of the images there are, bool [N].
    valid: np.ndarray
    # Mean log P of those, nats; not a number if there is none.
    log_prob: float
    # The same in bits per dimension, and its standard error over the samples.
    bits_per_dim: float
    standard_error: float


def sample_at_temperatures(
    glow: "Glow",
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
    from tfglow.checks import check_temperature

    if num < 1:
        raise ValueError(f"`num` must be at least 1, got {num}.")
    config = glow.config
    for temperature in temperatures:
        check_temperature(temperature, num, config.dtype)
    labels = np.arange(num, dtype=np.int32) % config.num_classes if config.num_classes else None
    results = []
    for temperature in temperatures:
        latents = glow.sample_latents(num, temperature, seed).numpy()
        images, valid = decode(glow, latents, labels, _BATCH)
        report_missing(valid, f"samples at temperature {temperature:g}", report)
        bits, error = _bits_per_dim(glow, images, labels, valid, seed)
        results.append(
            SamplesAtTemperature(
                temperature=float(temperature),
                images=images,
                valid=valid,
                log_prob=-bits * config.num_dims * np.log(2.0),
                bits_per_dim=bits,
                standard_error=error,
            )
        )
    return results


def _bits_per_dim(glow, images, labels, valid, seed):
    """The mean over the images that there are, and its standard error."""
    from tfglow import likelihood

    if not valid.any():
        return float("nan"), float("nan")
    kept = {"image": images[valid]} | ({} if labels is None else {"label": labels[valid]})
    batches = (
        {name: values[i : i + _BATCH] for name, values in kept.items()}
        for i in range(0, int(valid.sum()), _BATCH)
    )
    evaluation = likelihood.evaluate(glow.log_prob, batches, glow.config.num_dims, seed=seed)
    return evaluation.bits_per_dim, evaluation.standard_error


def temperature_picture(results: Sequence[SamplesAtTemperature], columns: int) -> np.ndarray:
    """The first samples of each temperature, a named row each, uint8 `[height, width, C]`."""
    columns = min(columns, len(results[0].images))
    return labelled_grid(
        grey_or_rgb(np.concatenate([r.images[:columns] for r in results])),
        columns,
        row_labels=[f"T = {r.temperature:g}" for r in results],
        valid=np.concatenate([r.valid[:columns] for r in results]),
    )


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
    names = ("temperature", "log_prob", "bits_per_dim", "standard_error")
    values = {name: getattr(result, name) for name in names}
    # JSON has no nan.
    values = {name: None if np.isnan(value) else value for name, value in values.items()}
    return {**values, "samples": len(result.valid), "valid": int(result.valid.sum())}


if __name__ == "__main__":
    main()
