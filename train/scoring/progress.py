"""How far a set of images is."""

from tqdm import tqdm

from train.reading_progress import ReadingProgress
from train.terminal import shows_bars


class ScoreProgress:
    """A bar on a terminal; elsewhere a line now and then, of long work alone.

    Args:
      what: What is done: "Scoring the folder 'photos'".
      total: How many images, or others, there are.
      unit: What they are.
    """

    def __init__(self, what: str, total: int, unit: str = "img") -> None:
        terminal = shows_bars()
        self._bar = tqdm(
            total=total, desc=what, unit=unit, dynamic_ncols=True, disable=not terminal
        )
        self._lines = None if terminal else ReadingProgress(what)
        self._total = total
        self._done = 0

    def __call__(self, step: int) -> None:
        """Moves on by so many."""
        self._done += step
        self._bar.update(step)
        if self._lines:
            self._lines(self._done, self._total)

    def close(self) -> None:
        """Leaves the bar as it is."""
        self._bar.close()
