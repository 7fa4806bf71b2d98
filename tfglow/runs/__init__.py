"""What concerns a run on disk."""

from typing import TYPE_CHECKING

from tfglow.lazy_parts import lazy_parts

if TYPE_CHECKING:
    from tfglow.runs.checkpoints import CheckpointError
    from tfglow.runs.run_folder import RunFolder
    from tfglow.runs.saved_weights import SavedWeights

__all__ = ["CheckpointError", "RunFolder", "SavedWeights"]

__getattr__, __dir__ = lazy_parts(
    __name__,
    {
        "CheckpointError": "checkpoints",
        "RunFolder": "run_folder",
        "SavedWeights": "saved_weights",
    },
)
