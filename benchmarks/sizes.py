"""The sizes that are measured, and the flags that choose one."""

import argparse
import dataclasses
from collections.abc import Callable, Iterable


@dataclasses.dataclass(frozen=True)
class Size:
    """A Glow of square colour images with affine couplings, and the images of a step."""

    # L: how often the flow squeezes.
    levels: int
    # K: flow steps a level.
    steps: int
    # Channels of the hidden convolutions.
    width: int
    # Images of a step.
    batch_size: int
    # Height and width of the images.
    side: int = 32

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        return (self.side, self.side, 3)

    @property
    def multiplications(self) -> int:
        """Those of all convolutions of networks and splits for one batch, forward."""
        height, width, channels = self.image_shape
        total = 0
        for level in range(self.levels):
            channels *= 4
            height, width = height // 2, width // 2
            half = channels // 2
            network = 9 * half * self.width + self.width**2 + 9 * self.width * channels
            is_last = level == self.levels - 1
            split = 0 if is_last else 9 * half * channels
            total += height * width * (self.steps * network + split)
            channels = half
        return self.batch_size * total


SIZES = {
    "tiny": Size(levels=2, steps=2, width=8, batch_size=2),
    "small": Size(levels=3, steps=8, width=128, batch_size=32),
    "paper": Size(levels=3, steps=32, width=512, batch_size=16),
    "paper_k64": Size(levels=3, steps=64, width=512, batch_size=16),
}


def add_size_flags(parser: argparse.ArgumentParser, default: str = "small") -> None:
    """Adds --size and a flag for each of its numbers; `size_from` reads them.

    Args:
      parser: The parser that gets the flags.
      default: The name of the size without any flag.
    """
    parser.add_argument("--size", choices=SIZES, default=default, help=f"default: {default}")
    parser.add_argument("--levels", type=int, help="L, in place of the size's")
    parser.add_argument("--steps", type=int, help="K, flow steps a level, in place of the size's")
    parser.add_argument("--width", type=int, help="channels of the hidden layers, the same")
    parser.add_argument("--batch_size", type=int, help="images of a step, the same")
    parser.add_argument("--side", type=int, help="height and width of the images, the same")


def size_from(args: argparse.Namespace) -> Size:
    """The size that the flags of `add_size_flags` name."""
    given = {field.name: getattr(args, field.name) for field in dataclasses.fields(Size)}
    changes = {name: value for name, value in given.items() if value is not None}
    return dataclasses.replace(SIZES[args.size], **changes)


def choices(allowed: Iterable[str]) -> Callable[[str], list[str]]:
    """The type of a flag that takes names, separated by commas; none at all of an empty text."""

    def parse(text):
        names = text.split(",") if text else []
        if unknown := [name for name in names if name not in allowed]:
            expected = ", ".join(allowed)
            raise argparse.ArgumentTypeError(f"expected some of {expected}; got {unknown[0]!r}")
        return names

    return parse
