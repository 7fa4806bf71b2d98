"""A Glow behind a server, called like one in the same process."""

import functools
from collections.abc import Mapping
from typing import NamedTuple

import grpc
import numpy as np
from numpy.typing import ArrayLike
from tensorflow_serving.apis import model_pb2

from serving.client import (
    DEFAULT_ADDRESS,
    DEFAULT_BATCH_SIZE,
    DEFAULT_MODEL_NAME,
    DEFAULT_TIMEOUT,
    MAX_RETRIES,
)
from serving.client.answers import check_row, read_answer, read_rows
from serving.client.connection import ServingError, TlsConfig, check_address
from serving.client.model_calls import Answer, ModelCalls, VersionState
from serving.client.signatures import (
    PREPARATION,
    SCORE,
    ModelDescription,
    check_detector,
    sampling_inputs,
)
from tfglow.latents.interpolation import interpolate
from tfglow.pictures.preparation import Preparation

# In seconds; from 10¹⁰ on gRPC's clock overflows, and the deadline has passed at once.
_LONGEST_TIMEOUT = 10**9


class Encoding(NamedTuple):
    """What `encode` answers for N images."""

    # float32 [N, D].
    latent: np.ndarray
    # Natural logarithms of the likelihoods, [N].
    log_prob: np.ndarray
    # [N].
    bits_per_dim: np.ndarray
    # Each level's part of them, [N, L]; None of a model that does not answer it.
    bits_per_level: np.ndarray | None = None


class GlowClient:
    """A Glow behind TF Serving or the embedded server.

    A conditional model needs labels, one for all rows or one a row; another takes none. Every
    method raises ServingError if a call fails, InvalidRowError if the model does not accept a row,
    and ValueError if the arguments cannot be sent.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        model_name: str = DEFAULT_MODEL_NAME,
        *,
        version: int | None = None,
        version_label: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        retries: int = MAX_RETRIES,
        tls: TlsConfig | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
        max_request_bytes: int = 3 << 20,
        window: int = 2,
        progress: bool = False,
    ):
        """Opens no connection before the first call.

        Args:
          address: The server, as host:port.
          model_name: The name that the server serves the model under.
          version: The version to ask; None asks the latest, or the one with the label.
          version_label: The label of the version to ask, in place of its number.
          timeout: The deadline of each call in seconds, retries included.
          retries: How often a call that was UNAVAILABLE or CANCELLED is repeated, 0 to 4.
          tls: Certificates; None connects without TLS.
          batch_size: The most rows in one request; more are sent in several.
          max_request_bytes: The most bytes in one request, likewise.
          window: The most requests under way at the same time.
          progress: Whether to draw a progress bar on standard error.

        Raises:
          ValueError: If `address` is no host:port, an argument is out of range, or a TLS file
            cannot be read.
        """
        check_address(address)
        if version is not None and version_label is not None:
            raise ValueError(
                "`version` and `version_label` must not be given together, got "
                f"{version} and {version_label!r}"
            )
        if not 0 <= retries <= MAX_RETRIES:
            raise ValueError(f"`retries` must be between 0 and {MAX_RETRIES}, got {retries}")
        if version is not None and not 0 <= version < 2**63:
            raise ValueError(f"`version` must be an integer from 0 to 2⁶³ − 1, got {version}")
        checked = {"timeout": timeout, "batch_size": batch_size, "window": window}
        for name, value in {**checked, "max_request_bytes": max_request_bytes}.items():
            if not value > 0:
                raise ValueError(f"`{name}` must be more than 0, got {value}")
        if timeout > _LONGEST_TIMEOUT:
            raise ValueError(f"`timeout` must be at most {_LONGEST_TIMEOUT}, got {timeout}")
        spec = model_pb2.ModelSpec(name=model_name)
        if version is not None:
            spec.version.value = version
        if version_label is not None:
            spec.version_label = version_label
        limits = (batch_size, max_request_bytes, window)
        self._calls = ModelCalls(address, spec, tls, timeout, retries, limits, progress)

    def __enter__(self) -> "GlowClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._calls.close()

    def status(self) -> list[VersionState]:
        """The model's versions and their states, as the server lists them."""
        return self._calls.status()

    def metadata(self) -> ModelDescription:
        """The version that answers and its signatures."""
        return self._calls.metadata()

    def preparation(self) -> Preparation | None:
        """How training made the model's images of files; None if the model does not say it."""
        if PREPARATION not in self._calls.known_model(PREPARATION).signatures:
            return None
        record = self.predict(PREPARATION, {"row": np.zeros(1, np.int32)})["record"][0]
        try:
            return Preparation.from_json(record)
        except ValueError as error:
            raise ServingError(str(error), grpc.StatusCode.INTERNAL) from error

    def encode(self, images: ArrayLike, labels: ArrayLike | None = None) -> Encoding:
        """Latents and likelihoods of `images`, uint8 [N, H, W, C]."""
        answer = self.predict("encode", {"image": images}, labels)
        known = {name: answer[name] for name in Encoding._fields if name in answer}
        return Encoding(**known)

    def score(self, images: ArrayLike, labels: ArrayLike | None = None) -> dict[str, np.ndarray]:
        """What the model's detector says of `images`, uint8 [N, H, W, C].

        Returns:
          Statistics, scores and p-values, [N] each, by the names of `tfglow.scoring.Detector`.
          `p_value` is that of the score by which the detector tells anomalies.

        Raises:
          ValueError: If the model was exported without a detector.
        """
        check_detector(self._calls.known_model(SCORE))
        return self.predict(SCORE, {"image": images}, labels)

    def decode(self, latents: ArrayLike, labels: ArrayLike | None = None) -> np.ndarray:
        """Images, uint8 [N, H, W, C], of `latents`, float32 [N, D]."""
        return self.predict("decode", {"latent": latents}, labels)["image"]

    def sample(
        self,
        num: int,
        temperature: ArrayLike = 1.0,
        labels: ArrayLike | None = None,
        seed: int | None = None,
    ) -> np.ndarray:
        """Draws `num` images, uint8 [num, H, W, C].

        Args:
          num: How many images.
          temperature: The factor of the latents' standard deviation, one for all or one an image.
          labels: The class of all images, or of each.
          seed: Image i is the one of the seed `seed + i`; None draws a random `seed`.
        """
        return self.predict("sample", sampling_inputs(num, temperature, seed), labels)["image"]

    def sample_png(
        self,
        num: int,
        temperature: ArrayLike = 1.0,
        labels: ArrayLike | None = None,
        seed: int | None = None,
    ) -> list[bytes]:
        """Draws the images of `sample`, each as the bytes of a PNG file.

        Raises:
          ValueError: If the model has no `sample_png`, since no PNG holds its images.
        """
        model = self._calls.known_model("sample_png")
        if "sample_png" not in model.signatures:
            raise ValueError(
                f"the model {model.name!r} has no `sample_png`: a PNG holds 1 to 4 channels, "
                f"its images have {model.image_shape[-1]}; `sample` draws them as arrays"
            )
        answer = self.predict("sample_png", sampling_inputs(num, temperature, seed), labels)
        return answer["image_bytes"].tolist()

    def reconstruct(self, images: ArrayLike, labels: ArrayLike | None = None) -> np.ndarray:
        """decode(encode(images)): the same bytes again, as far as the flow is invertible."""
        return self._calls.of_one_version(lambda: self._reconstruct(images, labels)).outputs[
            "image"
        ]

    def interpolate(
        self,
        first: np.ndarray,
        second: np.ndarray,
        steps: int,
        labels: ArrayLike | None = None,
        path: str = "linear",
    ) -> np.ndarray:
        """Images on a path between two, decoded from latents between theirs.

        Args:
          first: The image to start at, uint8 [H, W, C].
          second: The image to end at, likewise.
          steps: How many images, both ends included.
          labels: The class of both ends, or of each; the path's first half has the first's.
          path: `linear` or `spherical`, as in `tfglow.latents.interpolate`.

        Returns:
          uint8 [steps, H, W, C].
        """
        ends = None if labels is None else np.broadcast_to(np.asarray(labels), (2,))
        between = None if ends is None else np.where(np.arange(steps) < steps / 2, *ends)
        images = np.stack([first, second])

        def ask() -> Answer:
            encoded = self._calls.ask("encode", {"image": images}, ends, read_answer)
            start, end = encoded.outputs["latent"]
            latents = interpolate(start, end, steps, path)
            return encoded.then(
                self._calls.ask("decode", {"latent": latents}, between, read_answer)
            )

        return self._calls.of_one_version(ask).outputs["image"]

    def predict(
        self,
        signature: str,
        inputs: Mapping[str, ArrayLike],
        labels: ArrayLike | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs any signature on any number of rows.

        Args:
          signature: The signature's name.
          inputs: Its inputs by name, each with the same number of rows.
          labels: The class of all rows, or of each.

        Returns:
          The outputs by name, but for `valid`: every row of them is.
        """
        ask = functools.partial(self._calls.ask, signature, inputs, labels, read_answer)
        return self._calls.of_one_version(ask).outputs

    def predict_with_valid(
        self,
        signature: str,
        inputs: Mapping[str, ArrayLike],
        labels: ArrayLike | None = None,
    ) -> dict[str, np.ndarray]:
        """As `predict`, with `valid`, bool [N], among the outputs: others are 0 where it is false.

        Raises:
          InvalidRowError: If no row is valid.
        """
        ask = functools.partial(self._calls.ask, signature, inputs, labels, read_rows)
        answer = self._calls.of_one_version(ask)
        if not answer.outputs["valid"].any():
            check_row(answer.outputs["valid"], answer.inputs)
        return answer.outputs

    def _reconstruct(self, images: ArrayLike, labels: ArrayLike | None) -> Answer:
        encoded = self._calls.ask("encode", {"image": images}, labels, read_answer)
        latents = {"latent": encoded.outputs["latent"]}
        return encoded.then(self._calls.ask("decode", latents, labels, read_answer))
