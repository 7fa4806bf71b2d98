"""The progress, as a bar or as lines, and the speed."""

import sys
import time

from tqdm import tqdm

from tfglow.writing import writing
from train.terminal import shows_bars

# Seconds between lines of progress where there is no terminal.
_FIRST_INTERVAL = 30.0
_GROWTH = 1.5
_LONGEST_INTERVAL = 600.0


class Progress:
    """Shows bits per dimension, images per second and the time left.

    On a terminal as a bar, else, as in a log, as a line now and then; see `ProgressLines`.

    Args:
      total_steps: How many steps the run takes.
      step: The step at which it starts.
      batch_size: The number of images a step.
      visible: Whether this process shows the progress; of several workers one does.
    """

    def __init__(self, total_steps: int, step: int, batch_size: int, visible: bool = True):
        terminal = shows_bars()
        self._lines = (
            ProgressLines(total_steps, step, batch_size) if visible and not terminal else None
        )
        self._bar = tqdm(
            total=total_steps * batch_size,
            initial=step * batch_size,
            unit="img",
            unit_scale=True,
            dynamic_ncols=True,
            disable=not (visible and terminal),
        )
        self._batch_size = batch_size

    def step(self, epoch: int, bits_per_dim: float) -> None:
        """Moves on by a step."""
        self._bar.set_description_str(f"epoch {epoch}", refresh=False)
        self._bar.set_postfix_str(f"{bits_per_dim:.3f} bits/dim", refresh=False)
        self._bar.update(self._batch_size)
        line = self._lines.step(epoch, bits_per_dim) if self._lines else None
        if line:
            self.print(line)

    @staticmethod
    def print(text: str) -> None:
        """Prints a line to the standard output, above the bar."""
        # It may go to a file, on the same full disk.
        with writing("standard output"), tqdm.external_write_mode(file=sys.stdout):
            print(text, flush=True)

    def close(self) -> None:
        """Leaves the bar as it is."""
        self._bar.close()


class ProgressLines:
    """A line of progress now and then: after 30 s, then at intervals that grow to ten minutes.

    Args:
      total_steps: How many steps the run takes.
      step: The step at which it starts.
      batch_size: The number of images a step.
    """

    def __init__(self, total_steps: int, step: int, batch_size: int):
        self._total_steps = total_steps
        self._step = step
        self._batch_size = batch_size
        self._interval = _FIRST_INTERVAL
        # When and at which step the last line was written; the first step of all is left out.
        self._last: tuple[float, int] | None = None

    def step(self, epoch: int, bits_per_dim: float) -> str | None:
        """Moves on by a step; returns a line, if it is time for one."""
        self._step += 1
        now = time.perf_counter()
        if self._last is None:
            self._last = now, self._step
        since, step = self._last
        if now - since < self._interval:
            return None
        self._last = now, self._step
        self._interval = min(_GROWTH * self._interval, _LONGEST_INTERVAL)
        images_per_second = (self._step - step) * self._batch_size / (now - since)
        return (
            f"epoch {epoch} · step {self._step}/{self._total_steps} · {bits_per_dim:.4f} bits/dim "
            f"· {three_digits(images_per_second)} images/s · "
            + time_left(self._total_steps - self._step, self._batch_size, images_per_second)
        )


def three_digits(number: float) -> str:
    """A positive number in three digits or more, but no exponent: "1240", not "1.24e+03"."""
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def time_left(steps: int, batch_size: int, images_per_second: float) -> str:
    """How long so many steps take at a speed, in words."""
    if not images_per_second > 0:
        return "time left unknown"
    return f"{duration(steps * batch_size / images_per_second)} left"


def duration(seconds: float) -> str:
    """A time in the unit that suits it, in words."""
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


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
