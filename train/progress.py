"""The progress bar, and the speed."""

import sys
import time

from tqdm import tqdm


class Progress:
    """Shows bits per dimension, images per second and the time left; nothing without a terminal.

    Args:
      total_steps: How many steps the run takes.
      step: The step at which it starts.
      batch_size: The number of images a step.
      visible: Whether this process shows the progress; of several workers one does.
    """

    def __init__(self, total_steps: int, step: int, batch_size: int, visible: bool = True):
        self._bar = tqdm(
            total=total_steps * batch_size,
            initial=step * batch_size,
            unit="img",
            unit_scale=True,
            dynamic_ncols=True,
            disable=not (visible and sys.stderr.isatty()),
        )
        self._batch_size = batch_size

    def step(self, epoch: int, bits_per_dim: float) -> None:
        """Moves on by a step."""
        self._bar.set_description_str(f"epoch {epoch}", refresh=False)
        self._bar.set_postfix_str(f"{bits_per_dim:.3f} bits/dim", refresh=False)
        self._bar.update(self._batch_size)

    @staticmethod
    def print(text: str) -> None:
        """Prints a line to the standard output, above the bar."""
        with tqdm.external_write_mode(file=sys.stdout):
            print(text, flush=True)

    def close(self) -> None:
        """Leaves the bar as it is."""
        self._bar.close()


class Speed:
    """Images per second since `restart`.

    The first step of all is left out: it is traced and compiled, which takes as long as many.

    Args:
      batch_size: The number of images a step.
    """

    def __init__(self, batch_size: int):
        self._batch_size = batch_size
        self._start: float | None = None
        self._steps = 0

    def step(self) -> None:
        """A step is done."""
        if self._start is None:
            self.restart()
        else:
            self._steps += 1

    def restart(self) -> None:
        """Counts from now on."""
        self._start = time.perf_counter()
        self._steps = 0

    @property
    def images_per_second(self) -> float:
        """The speed; nan if no step was counted."""
        if self._start is None or not self._steps:
            return float("nan")
        return self._steps * self._batch_size / (time.perf_counter() - self._start)
