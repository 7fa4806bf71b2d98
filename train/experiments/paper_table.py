"""RealNVP against Glow, the paper's numbers and ours."""

import dataclasses
import os
import sys
from collections.abc import Sequence

from tfglow import GlowConfig
from tfglow.one_sentence_parser import OneSentenceParser
from tfglow.runs.run_folder import RunFolder
from tfglow.whole_files import replace_file
from train.config import TrainConfig
from train.outputs import check_output

_DESCRIPTION = """\
Puts runs of Glow and of RealNVP into one table with the paper's (table 2). A place is empty where
nothing was run; what was run is there with its size, which is what one has to look at first.

  python train/main.py --preset=cifar10 --run_dir=runs/glow --data_dir=DIR
  python train/main.py --preset=realnvp_cifar10 --run_dir=runs/realnvp --data_dir=DIR
  python train/experiments/paper_table.py --runs runs/glow runs/realnvp --output=table.md
"""


@dataclasses.dataclass(frozen=True)
class PaperRow:
    """A data set of the paper's table 2 (Kingma & Dhariwal 2018), in bits per dimension."""

    title: str
    # As TFDS names it; the presets are `preset` and `realnvp_` with it.
    dataset: str
    size: int
    preset: str
    # Test figures from the paper. RealNVP's are those of Dinh et al. 2017.
    real_nvp: float
    glow: float


PAPER = (
    PaperRow("CIFAR-10", "cifar10", 32, "cifar10", 3.49, 3.35),
    PaperRow("ImageNet 32×32", "downsampled_imagenet/32x32", 32, "imagenet32", 4.28, 4.09),
    PaperRow("ImageNet 64×64", "downsampled_imagenet/64x64", 64, "imagenet64", 3.98, 3.81),
    PaperRow("LSUN bedroom", "lsun/bedroom", 64, "lsun64_bedroom", 2.72, 2.38),
    PaperRow("LSUN tower", "lsun/tower", 64, "lsun64_tower", 2.81, 2.46),
    PaperRow("LSUN church outdoor", "lsun/church_outdoor", 64, "lsun64", 3.08, 2.67),
)
_FAMILIES = {"shuffle": "RealNVP", "invertible_1x1_conv": "Glow"}


@dataclasses.dataclass(frozen=True)
class OwnResult:
    """What a run reached."""

    row: PaperRow
    # "RealNVP" or "Glow".
    family: str
    bits_per_dim: float
    # What it took.
    model: GlowConfig
    images_seen: int

    @classmethod
    def read(cls, run_dir: str | os.PathLike) -> "OwnResult":
        """The last evaluation of a run.

        Raises:
          ValueError: If it is of no data set of the table or of neither family, or was not
            evaluated yet.
        """
        run = RunFolder.open(run_dir)
        config = TrainConfig.from_dict(run.read_config())
        model = config.model
        family = _FAMILIES.get(model.permutation)
        if family is None or model.coupling != "affine" or model.num_bits != 8:
            raise ValueError(
                f"The run {str(run_dir)!r} is neither RealNVP (shuffle) nor Glow (1×1 "
                "convolution) with affine coupling and 8 bits: it has permutation = "
                f"{model.permutation!r}, coupling = {model.coupling!r}, num_bits = "
                f"{model.num_bits}."
            )
        rows = [
            row
            for row in PAPER
            if row.dataset == config.dataset.partition(":")[0]
            and model.image_shape == (row.size, row.size, 3)
        ]
        if not rows:
            raise ValueError(
                f"The run {str(run_dir)!r} is of {config.dataset!r} at {model.image_shape}, which "
                f"is not in the table: that has {', '.join(row.dataset for row in PAPER)}."
            )
        evaluated = [line for line in run.metrics() if line.get("eval_bits_per_dim") is not None]
        if not evaluated:
            raise ValueError(f"The run {str(run_dir)!r} was not evaluated yet.")
        last = evaluated[-1]
        return cls(rows[0], family, last["eval_bits_per_dim"], model, last["images_seen"])

    def __str__(self) -> str:
        model = self.model
        return (
            f"{self.bits_per_dim:.2f} (L = {model.levels}, K = {model.steps}, width "
            f"{model.width}, {self.images_seen:,} images seen)"
        )


def paper_table(results: Sequence[OwnResult] = ()) -> str:
    """The table, in Markdown: the paper's figures, and the best of ours where there is one."""
    lines = [
        "| bits/dim | RealNVP, from the paper | RealNVP, ours | Glow, from the paper | Glow, ours |"
        " presets |",
        "|---|---:|---|---:|---|---|",
    ]
    for row in PAPER:
        own = {}
        for family in _FAMILIES.values():
            found = [r for r in results if r.row == row and r.family == family]
            own[family] = str(min(found, key=lambda r: r.bits_per_dim)) if found else ""
        lines.append(
            f"| {row.title} | {row.real_nvp:.2f} | {own['RealNVP']} | {row.glow:.2f} | "
            f"{own['Glow']} | `realnvp_{row.preset}`, `{row.preset}` |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; an error is one sentence on standard error and a non-zero exit status."""
    parser = OneSentenceParser(prog="train/experiments/paper_table.py", description=_DESCRIPTION)
    parser.add_argument("--runs", nargs="*", default=[], metavar="DIR", help="Run folders.")
    parser.add_argument("--output", metavar="MD", help="Writes the table there too.")
    flags = parser.parse_args(arguments)
    try:
        if flags.output:
            check_output(flags.output, ".md")
        table = paper_table([OwnResult.read(run_dir) for run_dir in flags.runs])
        if flags.output:
            replace_file(flags.output, table)
    except (ValueError, OSError) as error:
        sys.exit(f"train/experiments/paper_table.py: {error}")
    print(table, end="")


if __name__ == "__main__":
    main()
