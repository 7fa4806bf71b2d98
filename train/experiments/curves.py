"""Permutations and couplings compared: the runs' curves, their figure and their table."""

import dataclasses
import io
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tfglow.runs.run_folder import RunFolder

# As the paper's figure 3 names them, from the best to the worst.
LABELS = {"invertible_1x1_conv": "1×1 convolution", "shuffle": "shuffle", "reverse": "reverse"}


@dataclasses.dataclass(frozen=True)
class Curves:
    """Evaluations of one permutation with one coupling, over several seeds."""

    coupling: str
    permutation: str
    seeds: tuple[int, ...]
    # E epochs at which all of them were evaluated.
    epochs: tuple[int, ...]
    # Bits per dimension [seeds, E].
    bits_per_dim: np.ndarray

    @property
    def final(self) -> np.ndarray:
        """Bits per dimension after the last epoch, `[seeds]`."""
        return self.bits_per_dim[:, -1]


def run_name(coupling: str, permutation: str, seed: int) -> str:
    """The name of a combination's run folder."""
    return f"{coupling}-{permutation}-seed{seed}"


def collect(
    folder: str | os.PathLike,
    permutations: Sequence[str],
    couplings: Sequence[str],
    seeds: Sequence[int],
    epochs: int,
) -> list[Curves]:
    """The curves of the runs in a folder; combinations none of whose seeds is there are left out.

    Args:
      folder: The folder of the run folders.
      permutations: The permutations that were trained.
      couplings: The couplings that each was trained with.
      seeds: The seeds that each combination was trained with.
      epochs: How many are looked at: a run may have been trained for more.

    Raises:
      ValueError: If the runs of a combination have no evaluated epoch in common.
    """
    found = []
    for coupling, permutation in itertools.product(couplings, permutations):
        curves = {}
        for seed in seeds:
            lines = RunFolder(Path(folder) / run_name(coupling, permutation, seed)).metrics()
            curve = {line["epoch"]: line.get("eval_bits_per_dim") for line in lines}
            curve = {e: bits for e, bits in curve.items() if bits is not None and e <= epochs}
            if curve:
                curves[seed] = curve
        if not curves:
            continue
        common = sorted(set.intersection(*(set(curve) for curve in curves.values())))
        if not common:
            raise ValueError(f"The runs {coupling}-{permutation}-… have no epoch in common.")
        bits = np.array([[curve[epoch] for epoch in common] for curve in curves.values()])
        found.append(Curves(coupling, permutation, tuple(curves), tuple(common), bits))
    return found


def comparison_table(comparison: Sequence[Curves]) -> str:
    """The last evaluations, and what they say about the order, in Markdown."""
    lines = [
        "| coupling | permutation | epochs | seeds | bits/dim, mean ± std | min – max |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for curves in comparison:
        final = curves.final
        spread = f" ± {final.std(ddof=1):.4f}" if len(final) > 1 else ""
        lines.append(
            f"| {curves.coupling} | {LABELS[curves.permutation]} | {curves.epochs[-1]} | "
            f"{len(final)} | {final.mean():.4f}{spread} | {final.min():.4f} – {final.max():.4f} |"
        )
    lines.append("")
    for coupling in dict.fromkeys(curves.coupling for curves in comparison):
        group = [curves for curves in comparison if curves.coupling == coupling]
        lines += [f"- {coupling}: {sentence}" for sentence in _order(group)]
    return "\n".join(lines) + "\n"


def _order(group: Sequence[Curves]) -> Iterator[str]:
    """What each two neighbours in the order of their means say."""
    group = sorted(group, key=lambda curves: curves.final.mean())
    for better, worse in itertools.pairwise(group):
        names = LABELS[better.permutation], LABELS[worse.permutation]
        if (better.epochs[-1], better.seeds) != (worse.epochs[-1], worse.seeds):
            yield (
                f"{names[0]} and {names[1]} cannot be compared yet: they were evaluated after "
                f"{better.epochs[-1]} and {worse.epochs[-1]} epochs, for the seeds "
                f"{list(better.seeds)} and {list(worse.seeds)}."
            )
            continue
        gap = worse.final.mean() - better.final.mean()
        if len(better.seeds) == 1:
            spread = "for one seed, which says nothing about the spread."
        elif better.final.max() < worse.final.min():
            spread = "and all of its seeds are below all of the other's."
        else:
            spread = "but the seeds' ranges overlap."
        yield f"{names[0]} is {gap:.4f} bits/dim below {names[1]}, {spread}"


def comparison_figure(comparison: Sequence[Curves]) -> bytes:
    """The paper's figure 3 as a PNG file: bits/dim against epochs, a panel a coupling.

    A line is the mean over seeds, the band around it one standard deviation to both sides.
    """
    # Imported here: it is slow, and the backend must be set without touching a program's own.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    couplings = list(dict.fromkeys(curves.coupling for curves in comparison))
    figure = Figure(figsize=(4.5 * len(couplings), 4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(couplings), sharey=True, squeeze=False)[0]
    for axes, coupling in zip(panels, couplings, strict=True):
        for curves in comparison:
            if curves.coupling != coupling:
                continue
            mean = curves.bits_per_dim.mean(axis=0)
            marker = "." if len(mean) < 30 else ""
            [line] = axes.plot(curves.epochs, mean, marker=marker, label=LABELS[curves.permutation])
            if len(curves.seeds) > 1:
                std = curves.bits_per_dim.std(axis=0, ddof=1)
                axes.fill_between(
                    curves.epochs, mean - std, mean + std, alpha=0.25, color=line.get_color()
                )
        axes.set(title=f"{coupling} coupling", xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    panels[0].set_ylabel("bits per dimension")
    # The first epochs are far above the rest, which is what one wants to see.
    late = np.concatenate([c.bits_per_dim[:, len(c.epochs) // 4 :].ravel() for c in comparison])
    margin = 0.05 * max(late.max() - late.min(), 1e-3)
    panels[0].set_ylim(late.min() - margin, late.max() + margin)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()
