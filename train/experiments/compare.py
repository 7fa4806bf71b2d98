"""Compares permutations and couplings."""

import dataclasses
import itertools
import json
import os
import sys
from collections.abc import Sequence

from tfglow.config import COUPLINGS, PERMUTATIONS
from tfglow.one_sentence_parser import OneSentenceParser
from tfglow.whole_files import replace_file
from train.config import TrainConfig
from train.experiments.curves import (
    Curves,
    collect,
    comparison_figure,
    comparison_table,
    run_name,
)
from train.experiments.image_flags import integers, words
from train.experiments.sweep import check_different, run_missing
from train.flags import add_config_flags, config_from_flags
from train.outputs import check_folder
from train.training_diverged import TrainingDiverged

_DESCRIPTION = """\
Trains every permutation with every coupling, for several seeds, and compares their bits per
dimension (section 5 and figure 3 of the paper).

  python train/experiments/compare.py --preset=paper_ablation --compare_dir=runs/ablation \\
      --data_dir=DIR
      the paper's own: CIFAR-10, K = 32, L = 3, width 512
  python train/experiments/compare.py --preset=digits --epochs=5 --compare_dir=runs/compare \\
      --permutations=shuffle,reverse --couplings=affine --seeds=0,1

Started again it trains what is missing. In --compare_dir there are a run folder for each, and at
the end comparison.png, comparison.md and comparison.json, of what was asked for, up to --epochs.
"""


def variants(
    config: TrainConfig,
    permutations: Sequence[str],
    couplings: Sequence[str],
    seeds: Sequence[int],
) -> dict[str, TrainConfig]:
    """A configuration for each combination, by the name of its run folder.

    With the same seed, all see the same images in the same order with the same noise.

    Raises:
      ValueError: If a value is no permutation, coupling or seed, or is there twice.
    """
    check_different("permutations", permutations)
    check_different("couplings", couplings)
    check_different("seeds", seeds)
    found = {}
    for coupling, permutation, seed in itertools.product(couplings, permutations, seeds):
        model = dataclasses.replace(
            config.model, coupling=coupling, permutation=permutation, seed=seed
        )
        found[run_name(coupling, permutation, seed)] = dataclasses.replace(config, model=model)
    return found


def compare(
    config: TrainConfig,
    folder: str | os.PathLike,
    permutations: Sequence[str] = PERMUTATIONS,
    couplings: Sequence[str] = COUPLINGS,
    seeds: Sequence[int] = (0, 1, 2),
) -> list[Curves]:
    """Trains what is missing, and writes the comparison of what there is.

    Args:
      config: The configuration that all runs share.
      folder: The folder of the run folders and of the comparison.
      permutations: The permutations to compare, each a value of `GlowConfig.permutation`.
      couplings: The couplings to compare, each a value of `GlowConfig.coupling`.
      seeds: The seeds to train each with, as `GlowConfig.seed`.

    Returns:
      The curves of all combinations; fewer if the training was stopped.

    Raises:
      ValueError: If a value is out of range, or the folder has runs of another configuration.
      TrainingDiverged: If a run diverges; see `train_and_evaluate`.
    """
    configs = variants(config, permutations, couplings, seeds)
    folder = check_folder(folder)
    run_missing(configs, folder)
    comparison = collect(folder, permutations, couplings, seeds, config.epochs)
    if comparison:
        replace_file(folder / "comparison.png", comparison_figure(comparison))
        replace_file(folder / "comparison.md", comparison_table(comparison))
        values = [{**vars(c), "bits_per_dim": c.bits_per_dim.tolist()} for c in comparison]
        replace_file(folder / "comparison.json", json.dumps(values, indent=2) + "\n")
    return comparison


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error is one sentence on standard error and a non-zero exit status."""
    parser = OneSentenceParser(prog="train/experiments/compare.py", description=_DESCRIPTION)
    parser.add_argument(
        "--compare_dir", required=True, metavar="DIR", help="Where the runs and the result are."
    )
    for name, kind, default in (
        ("permutations", words, PERMUTATIONS),
        ("couplings", words, COUPLINGS),
        ("seeds", integers, (0, 1, 2)),
    ):
        parser.add_argument(
            f"--{name}",
            type=kind,
            default=list(default),
            metavar="X,X,...",
            help=f"Default: {','.join(map(str, default))}.",
        )
    add_config_flags(parser)
    flags = parser.parse_args(arguments)
    try:
        for name in ("permutation", "coupling", "seed"):
            if name in flags:
                raise ValueError(f"--{name} is what is compared: give --{name}s.")
        config = config_from_flags(flags)
        comparison = compare(
            config, flags.compare_dir, flags.permutations, flags.couplings, flags.seeds
        )
    except (ValueError, OSError, TrainingDiverged) as error:
        sys.exit(f"train/experiments/compare.py: {error}")
    if comparison:
        print(comparison_table(comparison))
    print(f"Runs and comparison: {flags.compare_dir}")


if __name__ == "__main__":
    main()
