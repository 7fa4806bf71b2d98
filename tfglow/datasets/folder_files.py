"""What the files of a folder of images are: splits, classes, names."""

import bisect
import dataclasses
import hashlib
import os
import posixpath
import re
from collections.abc import Sequence

from tfglow.counting import counted
from tfglow.datasets.folder_classes import Classes
from tfglow.datasets.folder_layout import (
    CLASSES_FROM,
    Folder,
    Layout,
    Place,
    UncertainLayout,
    join,
    shown,
)
from tfglow.datasets.folder_names import SPLITS, FolderName, Kind, name_words
from tfglow.datasets.image_folder import check_image_folder
from tfglow.local_paths import check_local_path
from tfglow.pictures.kinds import EXTENSIONS, is_picture_name, unread_files

_TEST_FRACTION = 0.1
_SEED = "tfglow"
# Folders that systems and programs keep beside one's own: macOS's archives, Synology, Windows.
_SYSTEM_FOLDERS = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "lost+found", "__pycache__")
_SEPARATORS = re.compile(r"[\W_]+")


@dataclasses.dataclass(frozen=True)
class FolderFiles:
    """The image files of a folder, by split.

    - Folders that are called train, test or validation, in any of the spellings in use and at any
      depth, are the splits (`FolderName`, `Layout`). Where there are none, or only train, a tenth
      of the images is the test split: those whose name's hash falls in the lowest tenth, so that
      an image stays in its split whatever files come and go.
    - If then every image is in one of two or more folders, those are the classes, in alphabetical
      order (`Classes`). Otherwise the images have no labels.
    - Masks and the like are left out, and `notes` says so: folders of such names, and a file such
      as "7_mask.png" beside "7.png". What is not certain is refused.

    A split is in the order of its names' hashes, so that a part of it is a fair sample. Files with
    other extensions are counted in `unread`; hidden files and folders are passed over.
    """

    # Names of each split's files, relative to the folder, "/" between folders.
    names: dict[str, tuple[str, ...]]
    # Alphabetical; empty if the images have no labels.
    class_names: tuple[str, ...]
    # What was decided beyond the obvious, a sentence each.
    notes: tuple[str, ...] = ()
    # A sentence that counts the files of other kinds; None if there are none.
    unread: str | None = None
    # Of each image, by its name; empty if the images have no labels.
    _labels: dict[str, int] = dataclasses.field(default_factory=dict, repr=False)

    @classmethod
    def find(
        cls,
        folder: str | os.PathLike,
        train_folder: str | None = None,
        test_folder: str | None = None,
        classes_from: str = "auto",
    ) -> "FolderFiles":
        """Looks through the folder, recursively.

        Args:
          folder: The folder.
          train_folder: The folder of the images to train on, relative to `folder`; by default it is
            found by its name, or all but `test_folder`. If it is given and `test_folder` is not,
            folders beside it are not read.
          test_folder: The folder of the images to test on, relative to `folder`.
          classes_from: "auto": subfolders are classes where it is certain; "folders": also where it
            is not, whatever they are called; "none": no subfolder is a class.

        Raises:
          ValueError: If it is no folder, or holds no image; if it is not certain what the folders
            in it are; or if an argument is not as described.
        """
        if classes_from not in CLASSES_FROM:
            known = ", ".join(map(repr, CLASSES_FROM))
            raise ValueError(f"`classes_from` must be one of {known}; got {classes_from!r}.")
        folder = check_image_folder(folder)
        names, others = _some_file_names(folder)
        empty = _empty_split_folders(folder, names)
        train = _own_folder("train_folder", train_folder, folder, names)
        test = _own_folder("test_folder", test_folder, folder, names)
        if test is not None and train is not None and _in(train, test):
            raise ValueError(
                f"`train_folder` = {train_folder!r} is in `test_folder` = {test_folder!r}: images "
                "to test on cannot be trained on."
            )
        names, companions = _without_companions(names)
        try:
            places, passed_over = _read(names, train, test, classes_from)
            classes = Classes.of(places, classes_from)
        except UncertainLayout as error:
            holds = f", which holds {error.held}" if error.held else ""
            remedies = [f"--train_folder and --test_folder (folders in {folder!r})"]
            remedies += [
                f"--classes_from={other}"
                for other in CLASSES_FROM[1:]
                if _settles(names, train, test, other)
            ]
            place = join(folder, error.path) if error.path else folder
            raise ValueError(
                f"It is not certain {error.doubt} in {place!r}{holds}: give "
                f"{' or '.join(remedies)}."
            ) from None
        notes = [*_notes(folder, passed_over, companions), *classes.notes]
        splits: dict[str, list[str]] = {}
        for name in sorted(places, key=_hash):
            splits.setdefault(places[name].split or "train", []).append(name)
        if list(splits) == ["train"]:
            splits = _divide(splits["train"])
            if train is not None:
                notes.append(f"Of the images in {train_folder!r} a tenth is tested on.")
            elif empty:
                notes.append(
                    f"The folder {shown(empty[0])!r} in {folder!r} holds no image that is read: a "
                    "tenth of the others is tested on."
                )
        return cls(
            names={split: tuple(members) for split, members in splits.items()},
            class_names=tuple(shown(name) for name in classes.names),
            notes=tuple(notes),
            unread=unread_files(others),
            _labels=classes.labels,
        )

    @classmethod
    def find_all(cls, folder: str | os.PathLike) -> "FolderFiles":
        """All images below the folder in the order of their names, as one split, "all".

        No folder is a split or a class. Masks are left out, and `notes` says so: what is in folders
        that are certainly called so, and files such as "7_mask.png" beside "7.png".

        Raises:
          ValueError: If it is no folder, or holds no image.
        """
        folder = check_local_path(folder, "A folder of images")
        if not os.path.isdir(folder):
            raise ValueError(f"There is no folder {folder!r}.")
        names, others = _some_file_names(folder)
        names, companions = _without_companions(names)
        passed_over: dict[str, int] = {}
        kept = []
        for name in names:
            masks = _mask_folder(name)
            if masks is None:
                kept.append(name)
            else:
                passed_over[masks] = passed_over.get(masks, 0) + 1
        if not kept:
            raise ValueError(f"The folder {folder!r} holds no image but masks, by their names.")
        return cls(
            names={"all": tuple(kept)},
            class_names=(),
            notes=tuple(_notes(folder, passed_over, companions)),
            unread=unread_files(others),
        )

    def labels(self, names: Sequence[str]) -> list[int]:
        """The labels of some of the files; 0 if there are no labels."""
        return [self._labels.get(name, 0) for name in names]


def _some_file_names(folder: str) -> tuple[list[str], list[str]]:
    """`_file_names`, at least one image."""
    names, others = _file_names(folder)
    if not names:
        raise ValueError(
            f"The folder {folder!r} holds no image: expected files ending in "
            f"{', '.join(EXTENSIONS)}."
        )
    return names, others


def _empty_split_folders(folder: str, names: Sequence[str]) -> list[str]:
    """The folders, at the top, that are called as what is tested on, and hold no image."""
    filled = {name.partition("/")[0] for name in names}
    empty = []
    for entry in os.scandir(folder):
        said = FolderName.read(entry.name)
        if entry.is_dir() and not _hidden(entry.name) and entry.name not in filled and said.certain:
            empty += [entry.name] if said.kind in (Kind.TEST, Kind.VALIDATION) else []
    return sorted(empty)


def _mask_folder(name: str) -> str | None:
    """The folder of masks that a file is in; None if it is in none."""
    parts = name.split("/")[:-1]
    for depth, part in enumerate(parts, 1):
        said = FolderName.read(part)
        if said.kind is Kind.MASK and said.certain:
            return "/".join(parts[:depth])
    return None


def _file_names(folder: str) -> tuple[list[str], list[str]]:
    """All images below, sorted, and all other files; links to folders are followed."""
    found: list[str] = []
    others: list[str] = []
    # Where each folder, and those above it, really are: a link to one of them leads in a circle.
    above = {folder: frozenset({os.path.realpath(folder)})}
    for path, folders, files in os.walk(folder, followlinks=True):
        own = above.pop(path)
        reached = {name: os.path.realpath(os.path.join(path, name)) for name in folders}
        folders[:] = [name for name in folders if not _hidden(name) and reached[name] not in own]
        above |= {os.path.join(path, name): own | {reached[name]} for name in folders}
        relative = os.path.relpath(path, folder).replace(os.sep, "/")
        for file in files:
            if not _hidden(file):
                name = posixpath.normpath(posixpath.join(relative, file))
                (found if is_picture_name(name) else others).append(name)
    return sorted(found), others


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in _SYSTEM_FOLDERS


def _own_folder(argument: str, value: str | None, folder: str, names: list[str]) -> str | None:
    """A folder that was given, relative to the data's, "" for that itself; None if none was."""
    if value is None:
        return None
    path = os.path.relpath(os.path.join(folder, value), folder).replace(os.sep, "/")
    path = "" if path == "." else path
    if not any(_in(name, path) for name in names):
        missing = "holds no image" if os.path.isdir(os.path.join(folder, value)) else "is no folder"
        raise ValueError(f"`{argument}` = {value!r} {missing} in {folder!r}.")
    return path


def _in(name: str, folder: str) -> bool:
    return not folder or name == folder or name.startswith(f"{folder}/")


def _read(
    names: list[str], train: str | None, test: str | None, classes_from: str
) -> tuple[dict[str, Place], dict[str, int]]:
    """The images' places, with what was passed over; `train` and `test` are as were given."""
    given = train is not None or test is not None
    rest = [n for n in names if _in(n, train or "") and (test is None or not _in(n, test))]
    if not given:
        _check_file_names(rest)
    layout = Layout(Folder.of(rest, train or ""), Kind.TRAIN if given else None, classes_from)
    places, passed_over = layout.places, layout.passed_over
    if test is not None:
        held = Folder.of((n for n in names if _in(n, test)), test)
        layout = Layout(held, Kind.TEST, classes_from)
        again = {name: place for name, place in places.items() if place.split != "test"}
        if len(again) < len(places):
            passed_over["folders of the training folder that are called test"] = len(places) - len(
                again
            )
        own = {
            name: dataclasses.replace(place, split="test") for name, place in layout.places.items()
        }
        places, passed_over = again | own, passed_over | layout.passed_over
    return places, passed_over


def _settles(names: list[str], train: str | None, test: str | None, classes_from: str) -> bool:
    """Whether nothing is uncertain with another `classes_from`."""
    try:
        Classes.of(_read(names, train, test, classes_from)[0], classes_from)
    except ValueError:
        return False
    return True


def _check_file_names(names: list[str]) -> None:
    """Refuses images without folders whose names say splits: "train_1.png" beside "test_1.png"."""
    found: dict[Kind, int] = {}
    for name in names:
        words = [] if "/" in name else name_words(name.rpartition(".")[0])
        kind = FolderName.read(words[0]).kind if words else Kind.NAME
        if kind not in SPLITS:
            return
        found[kind] = found.get(kind, 0) + 1
    if len(found) > 1 and Kind.TRAIN in found:
        counts = " and ".join(f"{count} {kind.value!r}" for kind, count in found.items())
        raise UncertainLayout(
            f"whether the names of {counts} files are splits, and they are not in folders called "
            "so,"
        )


def _without_companions(names: list[str]) -> tuple[list[str], list[str]]:
    """The images, and apart from them those whose names say that they are masks of others.

    "7_mask.png", "7_mask_2.png" and "mask_7.png" are of "7.png", "7_sat.png" or "image_7.png".
    """
    # What they may be masks of, as its folder and the words of its name.
    keys = {name: key for name in names if (key := _masked(name)) is not None}
    folders = {key[0] for key in keys.values()}
    others: set[tuple[str, ...]] = set()
    for name in names if keys else ():
        folder, words = _folder_and_words(name)
        if name not in keys and folder in folders:
            others |= {(folder, *words), (folder, *words[1:]), (folder, *words[:-1])}
    masks = {name for name, key in keys.items() if key in others}
    return [name for name in names if name not in masks], sorted(masks)


def _folder_and_words(name: str) -> tuple[str, list[str]]:
    folder, _, stem = name.rpartition(".")[0].rpartition("/")
    return folder, [word for word in _SEPARATORS.split(stem) if word]


def _masked(name: str) -> tuple[str, ...] | None:
    folder, words = _folder_and_words(name)
    if len(words) < 2:
        return None
    if _says_mask(words[-1]):
        return (folder, *words[:-1])
    if words[-1].isdigit() and len(words) > 2 and _says_mask(words[-2]):
        return (folder, *words[:-2])
    return (folder, *words[1:]) if _says_mask(words[0]) else None


def _says_mask(word: str) -> bool:
    return not word.isdigit() and FolderName.read(word).kind is Kind.MASK


def _notes(folder: str, passed_over: dict[str, int], companions: list[str]) -> list[str]:
    notes = []
    if passed_over:
        parts = [
            f"{shown(path)} ({counted(count, 'image')})" for path, count in passed_over.items()
        ][:8]
        more = [f"{len(passed_over) - 8} more"] if len(passed_over) > 8 else []
        notes.append(f"Not read in {folder!r}, by their names: {', '.join(parts + more)}.")
    if companions:
        notes.append(
            f"Not read in {folder!r}: {len(companions)} files named as masks of others, such as "
            f"{shown(companions[0])!r}."
        )
    return notes


def _hash(name: str) -> bytes:
    data = name.encode("utf-8", "surrogateescape")
    return hashlib.blake2b(data, key=_SEED.encode(), digest_size=8).digest()


def _divide(names: list[str]) -> dict[str, list[str]]:
    """A test and a train split of files that are in the order of their hashes."""
    limit = int(_TEST_FRACTION * 2**64).to_bytes(8, "big")
    count = bisect.bisect_left(names, limit, key=_hash)
    # Of a handful of images the lowest is the test split, if no hash is low enough.
    count = max(count, 1) if len(names) > 1 else 0
    return {"train": names[count:], "test": names[:count]}
