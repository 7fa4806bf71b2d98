"""The model behind the page: what it asks a server for, and keeps of the answers."""

import hashlib
import threading
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from serving.client import GlowClient
from serving.client.commands import bits_of
from serving.client.signatures import SCORE, ModelDescription, sampling_inputs
from serving.demo.body import BadRequest
from serving.demo.loaded_model import LoadedModel
from serving.demo.sources import Sampled, Source
from serving.demo.uploads import FittedUpload, fit_upload
from tfglow.latents import AttributeDirections
from tfglow.latents.interpolation import between
from tfglow.pictures.preparation import Preparation, top_bits


class Look(NamedTuple):
    """What the model says of an image."""

    # The bits of a value that the model has.
    num_bits: int
    # uint8 [H, W, C]: the image in these bits, and what came back of it.
    image: np.ndarray
    reconstruction: np.ndarray
    # The largest difference of the two, from 0 to 255.
    difference: int
    bits_per_dim: float
    # Nats.
    log_prob: float
    # The detector's, by their names; empty where the model has none.
    scores: dict[str, float]


class ServedModel:
    """A served Glow by what the page asks of it; any thread may call it.

    Methods raise ServingError if the server does not answer or refuses, InvalidRowError if the
    model does not accept a value, and BadRequest if the request itself is wrong.

    Args:
      client: Asks the server.
      directions: Attribute directions, or None.
      max_upload_pixels: The most pixels of an uploaded file.
    """

    def __init__(
        self, client: GlowClient, directions: AttributeDirections | None, max_upload_pixels: int
    ):
        self._client = client
        self._directions = directions
        self._max_upload_pixels = max_upload_pixels
        self._loaded: LoadedModel | None = None
        # One thread asks what has been loaded; the others wait for it.
        self._loading = threading.Lock()

    def refresh(self) -> LoadedModel:
        """Asks what the server has; all that was kept of another version is dropped."""
        with self._loading:
            description = self._client.metadata()
            if self._loaded is None or self._loaded.description != description:
                self._loaded = None
                self._loaded = LoadedModel.load(self._client, description)
            return self._loaded

    def attributes(self) -> tuple[str, ...]:
        """The names of the attributes whose directions fit the model."""
        if self._directions is None or self.misfit():
            return ()
        return self._directions.names

    def misfit(self) -> str | None:
        """Why the directions are none of this model's, as a sentence; None if they may be."""
        dimensions = self._model().description.dimensions
        if self._directions is None or self._directions.vectors.shape[1] == dimensions:
            return None
        return (
            f"The directions are for latents of {self._directions.vectors.shape[1]} dimensions, "
            f"this model's have {dimensions}."
        )

    def sample(
        self, num: int, seed: int, temperature: float, label: int | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The images of the seeds from `seed` on.

        Returns:
          uint8 [num, H, W, C], and bool [num]: which of them there are.
        """
        answer = self._client.predict_with_valid(
            "sample", sampling_inputs(num, temperature, seed), label
        )
        return answer["image"], answer["valid"]

    def upload(self, content: bytes) -> tuple[str, FittedUpload]:
        """Reads a picture file and keeps it for a while under the name that is returned."""
        model = self._model()
        preparation = model.preparation or Preparation(_image_shape(model.description))
        fitted = fit_upload(content, preparation, self._max_upload_pixels)
        name = hashlib.sha256(content).hexdigest()
        model.uploads.put(name, fitted.image)
        return name, fitted

    def picture(self, source: Source) -> np.ndarray:
        """The image of a source, uint8 [H, W, C]."""
        return self._picture(source)[0]

    def between(self, first: Source, second: Source, position: float, path: str) -> np.ndarray:
        """The image at a position from 0 to 1 between two, uint8 [H, W, C].

        Its class is that of the nearer one.
        """
        start, end = self._picture(first)[1], self._picture(second)[1]
        latent = between(start, end, [position], path)
        return self._client.decode(latent, (first if position < 0.5 else second).label)[0]

    def changed(self, source: Source, strengths: Mapping[str, float]) -> np.ndarray:
        """An image with attributes added, z + Σ α·v: uint8 [H, W, C].

        Args:
          source: The image.
          strengths: The α by their attributes' names.
        """
        known = self.attributes()
        latent = self._picture(source)[1][None]
        for name, strength in strengths.items():
            if self._directions is None or name not in known:
                raise BadRequest(f"the model has no attribute {name!r}")
            latent = self._directions.apply(latent, name, [strength])[:, 0]
        return self._client.decode(latent, source.label)[0]

    def look(self, source: Source) -> Look:
        """What the model says of an image."""
        model = self._model()
        image = self._picture(source)[0][None]
        encoding = self._client.encode(image, source.label)
        back = self._client.decode(encoding.latent, source.label)
        bits = model.preparation.num_bits if model.preparation else bits_of(back)
        image = top_bits(image, bits)
        return Look(
            bits,
            image[0],
            back[0],
            int(np.abs(image.astype(int) - back).max()),
            float(encoding.bits_per_dim[0]),
            float(encoding.log_prob[0]),
            self._scores(model.description, image, source.label),
        )

    def _model(self) -> LoadedModel:
        return self._loaded or self.refresh()

    def _picture(self, source: Source) -> tuple[np.ndarray, np.ndarray]:
        """The image of a source and its latent."""
        model = self._model()
        kept = model.pictures.get(source)
        if kept is not None:
            return kept[0], kept[1]
        image, latent = self._made(model, source)
        model.pictures.put(source, image, latent)
        return image, latent

    def _made(self, model: LoadedModel, source: Source) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(source, Sampled):
            inputs = sampling_inputs(1, source.temperature, source.seed)
            answer = self._client.predict("sample", inputs, source.label)
            return answer["image"][0], answer["latent"][0]
        kept = model.uploads.get(source.upload)
        if kept is None:
            raise BadRequest("the picture must be uploaded again", 404)
        return kept[0], self._client.encode(kept[0][None], source.label).latent[0]

    def _scores(
        self, description: ModelDescription, image: np.ndarray, label: int | None
    ) -> dict[str, float]:
        """What the signature `score` answers for one image, if it takes images."""
        signature = description.signatures.get(SCORE)
        if signature is None or set(signature.inputs) - {"label"} != {"image"}:
            return {}
        answer = self._client.predict(
            SCORE, {"image": image}, label if "label" in signature.inputs else None
        )
        # One number a row each; others are not scores. NaN is what there is none of, such as the
        # error of one draw.
        return {
            name: float(values[0])
            for name, values in sorted(answer.items())
            if values.ndim == 1 and values.dtype.kind in "fiu" and not np.isnan(values[0])
        }


def _image_shape(description: ModelDescription) -> tuple[int, int, int]:
    height, width, channels = description.image_shape
    return height, width, channels
