"""What the command says at its end."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from train.scoring.comparison import BASELINE, MEASURES
from train.scoring.interval import Interval


def summary(result: Mapping[str, Any], out: Path) -> Iterator[str]:
    """Lines about a report, and where it and all else is."""
    for name, found in result["sets"].items():
        yield from _of_set(name, found, result["alpha"])
    if "detector" not in result:
        yield "No p-values, typicality and density without --fit=SPLIT or --detector=FILE."
    if "statistics" in result:
        yield _table(result["statistics"])
    if "pixels" in result:
        pixels = result["pixels"]
        yield f"AUROC of the heat maps' pixels: {pixels['auroc'] or 'they are of one kind'}."
        if pixels["anomalies_without_mask"]:
            missing = pixels["anomalies_without_mask"]
            yield f"  {missing:,} images of --anomalies have no mask and are left out of it."
    if result["skipped"]:
        yield (
            f"Passed over: {result['skipped']:,} image files that cannot be read, listed in "
            f"{out / 'skipped_images.jsonl'}."
        )
    yield f"Written to {out}."


def _of_set(name: str, found: Mapping[str, Any], alpha: float) -> Iterator[str]:
    line = f"--{name}: {found['images']:,} images"
    if found["mean_bits_per_dim"] is not None:
        line += f", {found['mean_bits_per_dim']:.4f} bits per dimension in the mean"
    if "p_value_at_most_alpha" in found:
        line += f"; {found['p_value_at_most_alpha']:,} have a p-value of at most {alpha:g}"
    yield f"{line}."
    if found["not_finite"]:
        yield f"  {found['not_finite']:,} of them have no finite likelihood."
    if found["other_size"]:
        yield (
            f"  {found['other_size']:,} of them had another size than the model's and were scaled, "
            "which alone changes a likelihood."
        )


def _table(comparison: Mapping[str, Mapping[str, Interval]]) -> str:
    """The comparison in lines, the statistic of the largest AUROC first."""
    lines = [f"{'':<28}" + "".join(f"{name:>22}" for name in MEASURES)]
    for name in sorted(comparison, key=lambda name: -comparison[name]["auroc"].value):
        shown = f"{name} (baseline)" if name == BASELINE else name
        cells = "".join(f"{comparison[name][measure]!s:>22}" for measure in MEASURES)
        lines.append(f"{shown:<28}{cells}")
    return "\n".join(lines)
