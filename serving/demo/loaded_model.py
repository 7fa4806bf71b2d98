"""A version of a model, as far as the page knows it."""

import dataclasses
import secrets

from serving.client import GlowClient
from serving.client.signatures import ModelDescription
from serving.demo.classes import count_classes
from serving.demo.recent import RecentArrays
from tfglow.pictures.preparation import Preparation

_KEPT_BYTES = 128 << 20


@dataclasses.dataclass(frozen=True, eq=False)
class LoadedModel:
    """The version that the server answered with, and what is kept of it."""

    description: ModelDescription
    # None if the model does not say it.
    preparation: Preparation | None
    # None for a model without classes.
    num_classes: int | None
    # Names this version in this process, so that a page notices another.
    token: str
    # Source: image uint8 [H, W, C], latent float32 [D].
    pictures: RecentArrays
    # SHA-256: image.
    uploads: RecentArrays

    @classmethod
    def load(cls, client: GlowClient, description: ModelDescription) -> "LoadedModel":
        """Asks the server for what its metadata leave out."""
        classes = None
        if description.is_conditional:
            classes = count_classes(client, description.dimensions)
        return cls(
            description,
            client.preparation(),
            classes,
            secrets.token_hex(8),
            RecentArrays(_KEPT_BYTES),
            RecentArrays(_KEPT_BYTES),
        )
