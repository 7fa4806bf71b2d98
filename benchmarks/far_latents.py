"""How many latents have no finite image, and how many of those float64 gives one.

Decodes the same T·ε in float32 and, with the same weights, in float64:

    python -m benchmarks.far_latents --run_dir=runs/fashion
    python -m benchmarks.far_latents --run_dir=runs/fashion --temperatures=1,2 --num=256
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfglow.one_sentence_parser import OneSentenceParser

if TYPE_CHECKING:
    from tfglow import Glow

# Latents at a time.
_BATCH = 64


class FarLatents(NamedTuple):
    """What becomes of latents T·ε at one temperature T."""

    temperature: float
    num: int
    # Without a finite image in float32.
    lost: int
    # Those of them that have one in float64.
    rescued: int
    # And those whose pixels there are in [−1, 1], where an image's are in [−0.5, 0.5).
    rescued_images: int
    # With a finite image in float32, whose pixels are in [−1, 1].
    images: int


def count(glow: "Glow", temperatures: Sequence[float], num: int) -> Iterator[FarLatents]:
    """Counts at each temperature; the ε are the same. A conditional model's go through classes."""
    import tensorflow as tf

    from tfglow import Glow

    exact = Glow(dataclasses.replace(glow.config, precision="float64"))
    for name, variable in exact.named_variables.items():
        variable.assign(tf.cast(glow.named_variables[name], variable.dtype))
    classes = glow.config.num_classes
    labels = np.arange(num, dtype=np.int32) % classes if classes else None
    for temperature in temperatures:
        latents = glow.sample_latents(num, temperature, seed=0).numpy()
        (finite, near), (finite_64, near_64) = (
            _finite_and_near(model, latents, labels) for model in (glow, exact)
        )
        yield FarLatents(
            temperature,
            num,
            lost=int(np.sum(~finite)),
            rescued=int(np.sum(~finite & finite_64)),
            rescued_images=int(np.sum(~finite & near_64)),
            images=int(np.sum(near)),
        )


def _finite_and_near(glow, latents, labels):
    """Which latents have a finite image, and which one in [−1, 1], bool `[N]` each."""
    parts = []
    for start in range(0, len(latents), _BATCH):
        part = slice(start, start + _BATCH)
        x = glow.decode_continuous(latents[part], None if labels is None else labels[part]).numpy()
        largest = np.abs(x).max(axis=(1, 2, 3))  # nan where one is.
        parts.append((np.isfinite(largest), largest <= 1.0))
    return (np.concatenate(part) for part in zip(*parts, strict=True))


def main() -> None:
    parser = OneSentenceParser(description=__doc__)
    parser.add_argument("--run_dir", required=True, metavar="DIR", help="The run folder.")
    parser.add_argument("--temperatures", default="0.7,1,1.5,2,3", metavar="X,X,...")
    parser.add_argument("--num", type=int, default=1024, metavar="N", help="default 1024")
    args = parser.parse_args()

    from tfglow.runs import RunFolder

    print("| T | latents | no finite image | one in float64 | in [−1, 1] | float32's in [−1, 1] |")
    print("|---:|---:|---:|---:|---:|---:|")
    temperatures = [float(text) for text in args.temperatures.split(",")]
    for found in count(RunFolder.open(args.run_dir).load_glow(), temperatures, args.num):
        print(f"| {' | '.join(f'{value:g}' for value in found)} |", flush=True)


if __name__ == "__main__":
    main()
