"""The error of a run that went wrong."""


class TrainingDiverged(RuntimeError):
    """Loss or gradient were not finite too many steps in a row."""
