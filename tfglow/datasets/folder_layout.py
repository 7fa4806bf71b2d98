"""What the folders below a folder of images are: splits, classes, or neither."""

import collections
import dataclasses
from collections.abc import Iterable, Iterator

from tfglow.datasets.folder_names import ASIDE, SPLITS, FolderName, Kind, name_words

CLASSES_FROM = ("auto", "none", "folders")
# Of so many names one may say by chance that it holds images: "picture_frame".
_MANY = 10
# Each of these may have divided the same images in another way.
_DIVISIONS = frozenset(("fold", "folds", "split", "splits", "partition", "partitions"))
# Folders that a message shows.
_SHOWN = 8


class UncertainLayout(ValueError):
    """The names do not say for certain what the folders are.

    Args:
      doubt: What is not certain: "whether 'a' is a class".
      path: The folder that it is not certain in, relative to the data's.
      held: What is in it, in words.
    """

    def __init__(self, doubt: str, path: str = "", held: str = "") -> None:
        super().__init__(doubt)
        self.doubt = doubt
        self.path = path
        self.held = held


@dataclasses.dataclass
class Folder:
    """A folder with the images below it."""

    # Relative to the folder that was given, "/" between folders; "" for that folder itself.
    path: str = ""
    # Names of the files, without the folder's.
    images: list[str] = dataclasses.field(default_factory=list)
    folders: "dict[str, Folder]" = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, names: Iterable[str], path: str = "") -> "Folder":
        """The tree of the images in a folder, of their names, "/" between folders."""
        root = cls(path)
        for name in names:
            *parents, file = (name.removeprefix(f"{path}/") if path else name).split("/")
            folder = root
            for parent in parents:
                if parent not in folder.folders:
                    folder.folders[parent] = cls(join(folder.path, parent))
                folder = folder.folders[parent]
            folder.images.append(file)
        return root

    def names(self) -> Iterator[str]:
        """All images below, as they were given."""
        yield from (join(self.path, image) for image in self.images)
        for folder in self.folders.values():
            yield from folder.names()

    def count(self) -> int:
        """How many images are below."""
        return len(self.images) + sum(folder.count() for folder in self.folders.values())


@dataclasses.dataclass(frozen=True)
class Place:
    """An image's place in the layout."""

    # "train", "validation" or "test"; None where no folder is a split.
    split: str | None
    # The folders above and below that of the split that may be classes.
    outer: tuple[str, ...]
    inner: tuple[str, ...]


class Layout:
    """Reads the tree of a data set, or refuses to where the names leave a doubt.

    One decision a folder, from the names of all folders in it:

    - If some are splits, none may be anything else, but for masks and extra pictures.
    - If all contain splits, they are classes, or parts ("images", "part_1").
    - Otherwise they are classes, or parts, and masks are allowed only beside parts: beside classes
      they may be one. Where two hold folders of the same name ("night/cat", "day/cat"), they may be
      splits under names that are not known.

    Masks and extra pictures are passed over.

    Args:
      root: The tree.
      split: The split that everything is in, unless a folder is another; None: none.
      classes_from: "auto"; "folders": where it is not certain what the folders are, they are
        classes; "none": no folder is a class.

    Raises:
      UncertainLayout: If a doubt remains. The message shows the folders.
    """

    def __init__(self, root: Folder, split: Kind | None = None, classes_from: str = "auto") -> None:
        self._classes_from = classes_from
        # By the images' names.
        self.places: dict[str, Place] = {}
        # Folders that were passed over, and how many images are in each.
        self.passed_over: dict[str, int] = {}
        self._read(root, split, (), ())

    def _read(
        self, folder: Folder, split: Kind | None, outer: tuple[str, ...], inner: tuple[str, ...]
    ) -> None:
        place = Place(split and split.value, outer, inner)
        self.places |= {join(folder.path, image): place for image in folder.images}
        kinds = self._decide(folder, split)
        for name, child in folder.folders.items():
            kind = kinds[name]
            if kind in ASIDE:
                self.passed_over[child.path] = child.count()
            elif kind in SPLITS:
                self._read(child, kind, outer, inner)
            elif kind is Kind.CONTAINER:
                self._read(child, split, outer, inner)
            elif split is None:
                self._read(child, split, (*outer, name), inner)
            else:
                self._read(child, split, outer, (*inner, name))

    def _decide(self, folder: Folder, split: Kind | None) -> dict[str, Kind]:
        """What each folder in a folder is."""
        children = folder.folders
        if not children:
            return {}
        own_name = folder.path.rpartition("/")[2]
        if not folder.images and [name.lower() for name in children] == [own_name.lower()]:
            return dict.fromkeys(children, Kind.CONTAINER)  # As archives unpack: "train/train/".
        read = read_siblings(list(children))
        kinds = {name: own.kind for name, own in read.items()}
        groups: dict[Kind, list[str]] = collections.defaultdict(list)
        for name, own in read.items():
            if own.certain:
                groups[own.kind].append(name)
        doubtful = [name for name, own in read.items() if not own.certain]
        splits = [name for kind in SPLITS for name in groups[kind]]
        aside = [name for kind in ASIDE for name in groups[kind]]
        names, parts = groups[Kind.NAME], groups[Kind.CONTAINER]
        as_classes = dict.fromkeys(children, Kind.NAME)

        if splits:
            if doubtful or names or parts or folder.images:
                # Beside both of "train" and "test", nobody's class has such a name.
                evaluation = groups[Kind.TEST] + groups[Kind.VALIDATION]
                both = groups[Kind.TRAIN] and evaluation
                if self._classes_from == "folders" and not both and not folder.images:
                    return as_classes
                raise self._refusal(folder, f"whether {_listed(splits)} is a split")
            if groups[Kind.TRAIN] and split in (Kind.TEST, Kind.VALIDATION):
                raise self._refusal(folder, "which images are tested on")
            joint = [name for name in groups[Kind.TRAIN] if _holds_validation(name)]
            if joint and groups[Kind.VALIDATION]:
                raise self._refusal(folder, f"whether {_listed(joint)} holds what is tested on")
            return kinds

        main = [name for name in children if name not in aside]
        deeper = [name for name in main if _has_splits(children[name])]
        if deeper and (len(deeper) < len(main) or folder.images or (names and parts)):
            raise self._refusal(
                folder, f"whether the splits in {_listed(deeper)} are of all images"
            )
        divisions = [name for name in deeper if _DIVISIONS.intersection(name_words(name))]
        if len(divisions) > 1:
            raise self._refusal(folder, f"which of {_listed(divisions)} divides the images")
        if deeper and (not doubtful or len(main) == 1):
            return kinds | dict.fromkeys(main if doubtful else [], Kind.NAME)
        if len(children) == 1 and doubtful and _has_parts(children[doubtful[0]]):
            return dict.fromkeys(children, Kind.CONTAINER)  # "lung_masks/images/".
        alike = _alike({name: children[name] for name in names})
        if alike and split is None and self._classes_from != "none":
            raise self._refusal(folder, f"whether {_listed(alike)} is a split or a class")
        if not (doubtful or aside or (names and parts)):
            return kinds
        if self._classes_from == "folders":
            return as_classes
        if doubtful:
            raise self._refusal(folder, f"what {_listed(doubtful)} is")
        if names and parts:
            raise self._refusal(folder, f"whether {_listed(parts + names)} are classes")
        if not main and not folder.images:
            raise self._refusal(folder, f"whether {_listed(aside)} is to be trained on")
        if names and aside and self._classes_from != "none":
            raise self._refusal(folder, f"whether {_listed(aside)} is a class")
        return kinds

    def _refusal(self, folder: Folder, doubt: str) -> UncertainLayout:
        return UncertainLayout(doubt, folder.path, contents(folder))


def read_siblings(names: list[str]) -> dict[str, FolderName]:
    """The names of the folders in one folder, each read in the light of the others.

    Words that all of them share are part of the data set's name ("mnist_train", "mnist_test").
    "train" beside unknown words, with nothing to test on, is part of other names ("bullet_train").
    Masks of something ("lung_masks"), where no other name is one of a class, are masks.
    """
    read = {name: FolderName.read(name) for name in names}
    main = [own for own in read.values() if not (own.certain and own.kind in ASIDE)]
    shared = frozenset.intersection(*(frozenset(own.unknown) for own in main or read.values()))
    if shared and len(names) > 1:
        again = {name: FolderName.read(name, shared) for name in names}
        kinds = {own.kind for own in again.values()}
        if all(own.certain for own in again.values()) and kinds <= {*SPLITS, *ASIDE}:
            return again
    splits = {(own.kind, own.certain) for own in read.values() if own.kind in SPLITS}
    if splits == {(Kind.TRAIN, False)}:
        read |= _as_names({name: own for name, own in read.items() if own.kind is Kind.TRAIN})
    certain = {own.kind for own in read.values() if own.certain}
    if certain.intersection((*SPLITS, Kind.CONTAINER)) and Kind.NAME not in certain:
        for name, own in read.items():
            if own.kind is Kind.MASK:
                read[name] = dataclasses.replace(own, certain=True)
    parts = {name: own for name, own in read.items() if own.kind is Kind.CONTAINER}
    if len(parts) * _MANY <= sum(own.kind is Kind.NAME for own in read.values()):
        read |= _as_names(parts)  # Such as "picture_frame".
    return read


def _as_names(read: dict[str, FolderName]) -> dict[str, FolderName]:
    return {
        name: dataclasses.replace(own, kind=Kind.NAME, certain=True) for name, own in read.items()
    }


def _has_splits(folder: Folder) -> bool:
    """Whether a folder below, but for masks and extra pictures, is a split for certain."""
    read = read_siblings(list(folder.folders)) if folder.folders else {}
    return any(
        own.certain and (own.kind in SPLITS or (own.kind not in ASIDE and _has_splits(child)))
        for own, child in zip(read.values(), folder.folders.values(), strict=True)
    )


def _alike(folders: "dict[str, Folder]") -> list[str]:
    """The folders that hold a folder of the same name as another does, as splits with classes do.

    Parts, such as "images", say nothing.
    """
    held: dict[str, list[str]] = collections.defaultdict(list)
    for name, folder in folders.items():
        for inner in folder.folders:
            if FolderName.read(inner).kind is Kind.NAME:
                held[inner].append(name)
    shared = {name for owners in held.values() if len(owners) > 1 for name in owners}
    return [name for name in folders if name in shared]


def _has_parts(folder: Folder) -> bool:
    """Whether some of the folders in a folder are called as parts are, "images"."""
    return any(FolderName.read(name).kind is Kind.CONTAINER for name in folder.folders)


def _holds_validation(name: str) -> bool:
    """Whether a training folder's name says that the validation split is in it."""
    words = name_words(name)
    return "trainval" in words or ("val" in words and "train" in words)


def contents(folder: Folder) -> str:
    """What is in a folder, in words: "train (20 images), masks (20)"."""
    counts = sorted(
        ((child.count(), name) for name, child in folder.folders.items()),
        key=lambda pair: (-pair[0], pair[1]),
    )
    parts = [f"{shown(name)} ({count})" for count, name in counts[:_SHOWN]]
    if len(counts) > _SHOWN:
        parts.append(f"{len(counts) - _SHOWN} more folders")
    if folder.images:
        parts.append(f"and beside them {len(folder.images)}")
    return ", ".join(parts)


def shown(name: str) -> str:
    """A name as it can be printed: bytes that are not UTF-8 are written as "\\xff"."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def join(folder: str, name: str) -> str:
    """The name in the folder, which may be ""."""
    return f"{folder}/{name}" if folder else name


def _listed(names: list[str]) -> str:
    few = [repr(shown(name)) for name in names[:3]]
    more = [f"{len(names) - 3} more"] if len(names) > 3 else []
    return " or ".join(few + more)
