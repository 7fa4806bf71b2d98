"""The sets of images that are scored, held against each other before any is read."""

import os
import warnings
from collections.abc import Callable
from typing import NamedTuple

from tfglow.counting import counted
from train.scoring.config import ScoreConfig
from train.scoring.folder_set import FolderSet
from train.scoring.image_set import ImageSet
from train.scoring.masks import Masks
from train.scoring.opening import Opener

# As MVTec AD calls the images without a defect.
_GOOD = "good"


class CheckedSets(NamedTuple):
    """What is scored; none of it is read yet."""

    # What a detector is fitted on, if one is.
    fit: ImageSet | None
    # "data" and, where there are two, "anomalies".
    scored: dict[str, ImageSet]
    # The masks of the anomalies, if there are any.
    masks: Masks | None

    @classmethod
    def open(
        cls, config: ScoreConfig, opener: Opener, report: Callable[[str], None]
    ) -> "CheckedSets":
        """Opens what a configuration names; warns of images that should not be in two sets.

        Raises:
          ValueError: If a set is not there, a detector would be fitted on images that were trained
            on, or the anomalies are the data.
        """
        trained = opener.trained_on()
        if trained is None:
            report(
                "What the model was trained on is not known, or not there: whether images that are "
                "scored are among it, nobody checks."
            )
        fit = _open_fit(config, opener, trained)
        scored = {"data": opener.open(config.data, config.split, config.images)}
        if config.anomalies is not None:
            anomalies = opener.open(config.anomalies, config.anomalies_split, config.images)
            scored["anomalies"] = _without_data(anomalies, scored["data"], report)
        for name, images in scored.items():
            _warn_of_shared(name, images, trained, fit)
        masks = None
        if "anomalies" in scored:
            masks = _open_masks(config, scored["anomalies"], opener, report)
        return cls(fit, scored, masks)


def _open_fit(config: ScoreConfig, opener: Opener, trained: ImageSet | None) -> ImageSet | None:
    """What a detector is fitted on, if one is."""
    if config.fit_data is not None:
        found = opener.open(config.fit_data, config.fit)
    elif config.fit is not None:
        found = opener.own(config.fit)
    else:
        return None
    shared = 0 if trained is None else found.count_shared(trained)
    if shared:
        raise ValueError(
            f"--fit: the model was trained on {shared} of the {found.num_images} images of "
            f"{found.description}, which are likelier to it than new ones; give others."
        )
    return found


def _without_data(found: ImageSet, data: ImageSet, report: Callable[[str], None]) -> ImageSet:
    """Anomalies without the images of the data, as where these are in a folder among them."""
    shared = found.count_shared(data)
    if not shared:
        return found
    if shared == found.num_images or not isinstance(found, FolderSet):
        raise ValueError(
            f"--anomalies shares {shared} of its {counted(found.num_images, 'image')} with --data."
        )
    report(f"Left out of --anomalies: {counted(shared, 'image')} that --data has, too.")
    return found.without(data)


def _warn_of_shared(
    name: str, images: ImageSet, trained: ImageSet | None, fit: ImageSet | None
) -> None:
    if trained is not None and (shared := images.count_shared(trained)):
        warnings.warn(
            f"The model was trained on {shared} of the {images.num_images} images of --{name}: "
            "they are likelier to it than new ones.",
            stacklevel=2,
        )
    if fit is not None and (shared := images.count_shared(fit)):
        warnings.warn(
            f"The detector is fitted on {shared} of the {images.num_images} images of --{name}: "
            "their p-values, and what a report makes of them, are not those of new images.",
            stacklevel=2,
        )


def _open_masks(
    config: ScoreConfig, found: ImageSet, opener: Opener, report: Callable[[str], None]
) -> Masks | None:
    """The masks of the anomalies; None if there are none."""
    if not isinstance(found, FolderSet):
        if config.masks is not None:
            raise ValueError(
                f"--masks={config.masks} is for a folder of anomalies, and {config.anomalies!r} is "
                "a data set."
            )
        return None
    if config.masks is not None and not os.path.isdir(config.masks):
        raise ValueError(f"There is no folder --masks={config.masks}.")
    masks = Masks(found, opener.preparation, config.masks)
    if masks.folder is None:
        return None
    good = sum(_GOOD in name.split("/")[:-1] for name in found.names)
    if good and config.masks is None:
        raise ValueError(
            f"--anomalies has {counted(good, 'image')} in folders called good, as MVTec AD calls "
            "images without a defect: give that folder as --data, and --anomalies leaves it out."
        )
    if not any(masks.files(name) for name in found.paths()):
        if config.masks is None:
            return None
        raise ValueError(f"In --masks={config.masks} there is no mask of an image of --anomalies.")
    masks.check()
    report(f"Masks of the anomalies: {masks.folder!r}.")
    return masks
