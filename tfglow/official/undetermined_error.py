"""What a checkpoint of the official code leaves open."""

from collections.abc import Sequence


class UndeterminedError(ValueError):
    """Fields of the configuration that the checkpoint does not say, and that were not given.

    Args:
      checkpoint: The checkpoint.
      missing: The fields.
      ask: What to do, for the message; None to pass them as arguments.

    Example:
      >>> tfglow.official.infer_config(checkpoint, image_size=32)
      Traceback (most recent call last):
          ...
      tfglow.official.undetermined_error.UndeterminedError: '...' does not determine num_bits,
          weight_y: pass num_bits=…, weight_y=….
    """

    def __init__(self, checkpoint: str, missing: Sequence[str], ask: str | None = None):
        self.checkpoint = checkpoint
        self.missing = tuple(missing)
        ask = ask or f"pass {', '.join(f'{name}=…' for name in missing)}"
        super().__init__(f"{checkpoint!r} does not determine {', '.join(missing)}: {ask}.")
