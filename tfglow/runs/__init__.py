"""What concerns a run on disk."""

from tfglow.runs.checkpoints import CheckpointError
from tfglow.runs.run_folder import RunFolder
from tfglow.runs.saved_weights import SavedWeights

__all__ = ["CheckpointError", "RunFolder", "SavedWeights"]
