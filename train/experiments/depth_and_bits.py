"""Compares levels and bits."""

import dataclasses
import itertools
import os
import sys
from collections.abc import Sequence

import numpy as np

from tfglow.one_sentence_parser import OneSentenceParser
from tfglow.pictures.labelled_grid import labelled_grid
from tfglow.runs.run_folder import RunFolder
from tfglow.tensorflow_log import start_tensorflow
from tfglow.whole_files import replace_file
from train.config import TrainConfig
from train.experiments.image_flags import integers
from train.experiments.sweep import check_different, run_missing
from train.experiments.trained_run import decode
from train.flags import add_config_flags, config_from_flags
from train.outputs import check_folder
from train.pictures import grey_or_rgb, report_missing, write_png
from train.training_diverged import TrainingDiverged

_DESCRIPTION = """\
Trains models of several depths (levels L) and of images of several bits on the same data, and
compares their bits per dimension and their samples (section 6 of the paper).

  python train/experiments/depth_and_bits.py --preset=digits --depths=1,3 --bits=5,8 \\
      --result_dir=runs/depth

Started again it trains what is missing. In --result_dir there are a run folder for each, and at the
end depth_and_bits.png, a row of samples a model, and depth_and_bits.md.
"""


@dataclasses.dataclass(frozen=True)
class DepthResult:
    """What a model of some depth and some bits reached."""

    levels: int
    num_bits: int
    # On the evaluation split, of images of `num_bits` bits.
    bits_per_dim: float
    standard_error: float
    run: RunFolder


def compare_depth_and_bits(
    config: TrainConfig,
    folder: str | os.PathLike,
    levels: Sequence[int],
    bits: Sequence[int],
    *,
    columns: int = 10,
    temperature: float = 0.7,
) -> list[DepthResult]:
    """Trains what is missing, and writes the table and the samples of what there is.

    Args:
      config: The configuration that all runs share.
      folder: The folder of the run folders and of the result.
      levels: The depths to compare, each a value of `GlowConfig.levels`.
      bits: The bits to compare, each a value of `GlowConfig.num_bits`.
      columns: How many samples of a model the picture shows.
      temperature: The temperature of the samples.

    Raises:
      ValueError: If a value is out of range, or the folder has runs of another configuration.
      TrainingDiverged: If a run diverges; see `train_and_evaluate`.
    """
    check_different("levels", levels)
    check_different("bits", bits)
    if columns < 1:
        raise ValueError(f"`columns` must be at least 1, got {columns}.")
    configs, models = {}, {}
    for num_bits, depth in itertools.product(bits, levels):
        name = f"bits{num_bits}-levels{depth}"
        models[name] = dataclasses.replace(config.model, levels=depth, num_bits=num_bits)
        configs[name] = dataclasses.replace(config, model=models[name])
    folder = check_folder(folder)
    start_tensorflow()
    from tfglow.checks import check_temperature

    check_temperature(temperature, columns, config.model.dtype)
    if not run_missing(configs, folder):
        return []
    results, rows = [], []
    for name, model in models.items():
        run = RunFolder.open(folder / name)
        last = run.metrics()[-1]
        results.append(
            DepthResult(
                model.levels,
                model.num_bits,
                last["eval_bits_per_dim"],
                last["eval_standard_error"],
                run,
            )
        )
        labels = np.arange(columns) % model.num_classes if model.num_classes else None
        glow = run.load_glow(checkpoint="latest")
        rows.append(decode(glow, glow.sample_latents(columns, temperature, seed=0).numpy(), labels))
    images, valid = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    row_labels = [f"{r.num_bits} bits, L = {r.levels}" for r in results]
    picture = labelled_grid(grey_or_rgb(images), columns, row_labels=row_labels, valid=valid)
    write_png(folder / "depth_and_bits.png", picture)
    report_missing(valid, "samples")
    replace_file(folder / "depth_and_bits.md", depth_table(results))
    return results


def depth_table(results: Sequence[DepthResult]) -> str:
    """A row a model, in Markdown."""
    lines = ["| bits of a pixel | levels L | bits/dim |", "|---:|---:|---:|"]
    lines += [
        f"| {r.num_bits} | {r.levels} | {r.bits_per_dim:.4f} ± {r.standard_error:.4f} |"
        for r in results
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error is one sentence on standard error and a non-zero exit status."""
    parser = OneSentenceParser(prog="train/experiments/depth_and_bits.py", description=_DESCRIPTION)
    parser.add_argument(
        "--result_dir", required=True, metavar="DIR", help="Where the runs and the result are."
    )
    parser.add_argument(
        "--bits",
        type=integers,
        default=[5, 8],
        metavar="N,N,...",
        help="Bits of a pixel; default: 5,8.",
    )
    parser.add_argument(
        "--columns", type=int, default=10, metavar="N", help="Samples a model; default: 10."
    )
    parser.add_argument(
        "--temperature",
        type=float,
        default=0.7,
        metavar="X",
        help="Their temperature; default: 0.7.",
    )
    parser.add_argument(
        "--depths", type=integers, metavar="N,N,...", help="Levels L; default: the preset's alone."
    )
    add_config_flags(parser)
    flags = parser.parse_args(arguments)
    try:
        for name, instead in (("levels", "depths"), ("num_bits", "bits")):
            if name in flags:
                raise ValueError(f"--{name} is what is compared: give --{instead}.")
        config = config_from_flags(flags)
        results = compare_depth_and_bits(
            config,
            flags.result_dir,
            flags.depths or [config.model.levels],
            flags.bits,
            columns=flags.columns,
            temperature=flags.temperature,
        )
    except (ValueError, OSError, TrainingDiverged) as error:
        sys.exit(f"train/experiments/depth_and_bits.py: {error}")
    if results:
        print(depth_table(results), end="")
    print(f"Runs and result: {flags.result_dir}")


if __name__ == "__main__":
    main()
