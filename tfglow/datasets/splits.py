"""Names of splits."""

from collections.abc import Mapping, Sequence

# Other names of a split to test on, in the order in which "test" stands for them.
EVALUATION_SPLITS = ("test", "validation", "valid", "val", "eval", "dev")
# Where a data set has nothing to test on: the part of "train" that is kept for it.
TRAIN_PART, TEST_PART = "train[:90%]", "train[90%:]"


def resolve_split(split: str, available: Sequence[str]) -> str:
    """The split specification that "train" or "test" stands for in a data set.

    "test" is the data set's own test split, or else its validation split. Of a data set that has
    neither, "test" is the last tenth of "train" and "train" the rest, so that the two never
    overlap. Anything else, such as "train[:100%]", is taken as it is.
    """
    evaluation = [name for name in EVALUATION_SPLITS if name in available]
    if split == "test" and evaluation:
        return evaluation[0]
    if "train" in available and not evaluation:
        return {"train": TRAIN_PART, "test": TEST_PART}.get(split, split)
    return split


def select(splits: Mapping[str, Sequence[str]], split: str, name: str) -> tuple[str, ...]:
    """The members of a TFDS split specification, such as "train[:50%]+test".

    Args:
      splits: The members of each split.
      split: The specification.
      name: Name of the data set, for messages.

    Raises:
      ValueError: If there is no such split.
    """
    if split in splits:
        return tuple(splits[split])
    import tensorflow_datasets as tfds  # slow to import, and rarely needed here

    infos = tfds.core.SplitDict(
        tfds.core.SplitInfo(name=key, shard_lengths=[len(members)], num_bytes=0)
        for key, members in splits.items()
    )
    try:
        parts = tfds.core.ReadInstruction.from_spec(split).to_absolute(infos)
    except (ValueError, AssertionError):
        raise unknown_split(split, name, list(splits)) from None
    return tuple(
        member for part in parts for member in splits[part.splitname][part.from_ : part.to]
    )


def unknown_split(split: str, name: str, available: Sequence[str]) -> ValueError:
    """The error for a split that a data set does not have."""
    known = ", ".join(repr(split) for split in available)
    return ValueError(
        f"Unknown split {split!r} of {name!r}: it has {known}, and slices of them such as "
        f"'{available[0]}[:90%]'."
    )


def empty_split(split: str, name: str) -> ValueError:
    """The error for a split without an image."""
    return ValueError(f"The split {split!r} of {name!r} holds no image.")
