"""Which folders of images are classes."""

import dataclasses
from collections.abc import Mapping

from tfglow.datasets.folder_layout import Place, UncertainLayout, shown

# More classes than this do not have one image each.
_MANY = 10


@dataclasses.dataclass(frozen=True)
class Classes:
    """The classes of a folder of images, from the folders that are neither splits nor parts.

    They are the folders above the splits ("cat/train/1.png") or those directly below
    ("train/cat/1.png"), if every image is in one, there are two or more, and all of the other
    splits' are the training split's.
    """

    # The folders' names in alphabetical order; empty if there are no classes.
    names: tuple[str, ...]
    # Of each image, by its name; empty if there are no classes.
    labels: dict[str, int]
    # Why folders are no classes, a sentence each.
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, places: Mapping[str, Place], classes_from: str) -> "Classes":
        """The classes of images in these places.

        Raises:
          UncertainLayout: If both the folders above and those below the splits may be classes.
          ValueError: If there are no classes though `classes_from` is "folders".
        """
        if classes_from == "none":
            return cls((), {})
        outer = _without_shared({name: place.outer for name, place in places.items()})
        inner = _without_shared({name: place.inner for name, place in places.items()})
        below = {chosen for name, chosen in inner.items() if places[name].split in ("train", None)}
        if any(outer.values()):
            if len(below) > 1 and any(below) and classes_from == "auto":
                raise UncertainLayout(
                    "whether the folders above the splits are classes, or those below them"
                )
            chosen, splits = outer, dict.fromkeys(outer)
        else:
            chosen, splits = inner, {name: place.split for name, place in places.items()}
        problem = _problem(chosen, splits)
        if problem is None:
            names = tuple(sorted({folders[0] for folders in chosen.values()}))
            numbers = {name: number for number, name in enumerate(names)}
            labels = {name: numbers[folders[0]] for name, folders in chosen.items()}
            return cls(names, labels)
        if classes_from == "folders":
            raise ValueError(f"`classes_from` = 'folders', but there are no classes: {problem}.")
        several = len(set(chosen.values())) > 1
        return cls((), {}, (f"The images have no labels: {problem}.",) if several else ())


def _without_shared(folders: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The folders, without those at the start that all images are in."""
    first, last = min(folders.values()), max(folders.values())
    shared = 0
    while shared < len(first) and first[shared] == last[shared]:
        shared += 1
    return {name: own[shared:] for name, own in folders.items()}


def _problem(
    folders: Mapping[str, tuple[str, ...]], splits: Mapping[str, str | None]
) -> str | None:
    """Why these folders are no classes; None if they are."""
    by_split: dict[str | None, set[tuple[str, ...]]] = {}
    for name, own in folders.items():
        by_split.setdefault(splits[name], set()).add(own)
    first = next((split for split in ("train", None) if split in by_split), next(iter(by_split)))
    trained = by_split.pop(first)
    if not any(trained) and not any(any(own) for own in by_split.values()):
        return "there are no subfolders to be classes"
    if len(trained) < 2:
        return "all images to train on are in one folder"
    if () in trained:
        return "images lie beside the subfolders"
    count = sum(split == first for split in splits.values())
    if len(trained) > _MANY and len(trained) == count:
        return "every subfolder holds a single image"
    if any(len(own) > 1 for own in trained):
        return "the subfolders are of several depths"
    for split, others in by_split.items():
        if others - trained:
            odd = next(iter(sorted(others - trained)))
            what = f"the folder {shown('/'.join(odd))!r}" if odd else "images without a folder"
            return f"the {split} split has {what}, which the {first} split has not"
    return None
