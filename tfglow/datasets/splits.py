"""Names of splits."""

from collections.abc import Mapping, Sequence

from tfglow.datasets.folder_names import SPLITS, FolderName, Kind

# Other names of a split to test on, in the order in which "test" stands for them.
EVALUATION_SPLITS = ("test", "validation", "valid", "val", "eval", "dev")
# Where a data set has nothing to test on: the part of "train" that is kept for it.
TRAIN_PART, TEST_PART = "train[:90%]", "train[90%:]"


def resolve_split(split: str, available: Sequence[str]) -> str:
    """The split specification that "train" or "test" stands for in a data set.

    "test" is the data set's own test split, or else its validation split. Of a data set that has
    neither, "test" is the last tenth of "train" and "train" the rest, so that the two never
    overlap. The split to train on may have another name: one that says so, such as "training", or
    that of the only split, unless it is one to test on. Anything else, such as "train[:100%]", is
    taken as it is, but that other spellings of a split's name stand for it ("val", "validation").
    """
    train = _training_split(available)
    evaluation = [name for name in EVALUATION_SPLITS if name in available]
    evaluation += _named(Kind.TEST, available) or _named(Kind.VALIDATION, available)
    if split == "test" and evaluation:
        return evaluation[0]
    if split in ("train", "test") and train is not None:
        if split == "train":
            return train if evaluation else TRAIN_PART.replace("train", train)
        return TEST_PART.replace("train", train)
    return "+".join(_own_name(part, available) for part in split.split("+"))


def _training_split(available: Sequence[str]) -> str | None:
    """The one split to train on; None if there is none, or no telling which of several."""
    if "train" in available:
        return "train"
    named = _named(Kind.TRAIN, available)
    if not named and len(available) == 1:
        # Neither to test on nor labelled as extra: "data", "all", "full", a name of its own.
        own = FolderName.read(available[0])
        named = list(available) if own.kind in (Kind.NAME, Kind.CONTAINER) else []
    return named[0] if len(named) == 1 else None


def _named(kind: Kind, available: Sequence[str]) -> list[str]:
    return [name for name in available if FolderName.read(name) == FolderName(kind, True, ())]


def _own_name(part: str, available: Sequence[str]) -> str:
    """A part of a specification, "val[:50%]", with the data set's own name for the split."""
    name, bracket, rest = part.partition("[")
    own = FolderName.read(name.strip())
    if name.strip() in available or own.kind not in SPLITS or not own.certain:
        return part
    found = _named(own.kind, available)
    return f"{found[0]}{bracket}{rest}" if len(found) == 1 else part


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
    try:
        parts = _parts({key: len(members) for key, members in splits.items()}, split)
    except (ValueError, AssertionError):
        raise unknown_split(split, name, list(splits)) from None
    return tuple(member for key, start, end in parts for member in splits[key][start:end])


def count_shared(sizes: Mapping[str, int], first: str, second: str) -> int:
    """How many images of one split specification are in another too.

    Args:
      sizes: How many images each split of the data set has.
      first: The one specification, such as "train[50%:]+test".
      second: The other.
    """
    if first in sizes and second in sizes:
        return sizes[first] if first == second else 0
    others = _parts(sizes, second)
    shared: dict[str, set[int]] = {}
    for name, start, end in _parts(sizes, first):
        for other, low, high in others:
            if other == name:
                shared.setdefault(name, set()).update(range(max(start, low), min(end, high)))
    return sum(map(len, shared.values()))


def count_doubles(sizes: Mapping[str, int], split: str) -> int:
    """How many images a split specification holds again: of "train[:5]+train[3:9]" two.

    Args:
      sizes: How many images each split of the data set has.
      split: The specification.
    """
    if "+" not in split:
        return 0
    parts = _parts(sizes, split)
    distinct: dict[str, set[int]] = {}
    for name, start, end in parts:
        distinct.setdefault(name, set()).update(range(start, end))
    return sum(end - start for _, start, end in parts) - sum(map(len, distinct.values()))


def _parts(sizes: Mapping[str, int], split: str) -> list[tuple[str, int, int]]:
    """The splits' names, with the first image and the end, that a specification is made of."""
    import tensorflow_datasets as tfds  # slow to import, and rarely needed here

    infos = tfds.core.SplitDict(
        tfds.core.SplitInfo(name=key, shard_lengths=[size], num_bytes=0)
        for key, size in sizes.items()
    )
    parts = tfds.core.ReadInstruction.from_spec(split).to_absolute(infos)
    # None is the start, or the end.
    return [
        (part.splitname, *slice(part.from_, part.to).indices(sizes[part.splitname])[:2])
        for part in parts
    ]


def unknown_split(split: str, name: str, available: Sequence[str]) -> ValueError:
    """The error for a split that a data set does not have."""
    known = ", ".join(repr(split) for split in available)
    first = available[0] if available else "train"
    say = ""
    if split in ("train", "test"):
        say = (
            f"; say what to train and to test on, such as --train_split={first}[:90%] "
            f"--eval_split={first}[90%:]"
        )
    return ValueError(
        f"Unknown split {split!r} of {name!r}: it has {known or 'no images'}, and slices of them "
        f"such as '{first}[:90%]'{say}."
    )


def empty_split(split: str, name: str) -> ValueError:
    """The error for a split without an image."""
    return ValueError(f"The split {split!r} of {name!r} holds no image.")
