"""A Glow behind a server, called like one in the same process."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import grpc
import numpy as np
from numpy.typing import ArrayLike
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tqdm import tqdm

from serving.client import (
    DEFAULT_ADDRESS,
    DEFAULT_BATCH_SIZE,
    DEFAULT_MODEL_NAME,
    DEFAULT_TIMEOUT,
    MAX_RETRIES,
)
from serving.client.answers import check_row, read_answer, read_rows
from serving.client.connection import ServingError, TlsConfig, explain, open_channel
from serving.client.pieces import PiecewiseCall
from serving.client.signatures import PREPARATION, ModelDescription, check_inputs, sampling_inputs
from serving.tensors import MalformedTensorError, to_proto
from tfglow.latents.interpolation import interpolate
from tfglow.pictures.preparation import Preparation


class Encoding(NamedTuple):
    """What `encode` answers for N images."""

    # float32 [N, D].
    latent: np.ndarray
    # Natural logarithms of the likelihoods, [N].
    log_prob: np.ndarray
    # [N].
    bits_per_dim: np.ndarray


class VersionState(NamedTuple):
    """A version of the model, as the server reports it."""

    version: int
    # `START`, `LOADING`, `AVAILABLE`, `UNLOADING` or `END`.
    state: str
    # Empty if there is none.
    error: str


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
        max_request_bytes: int = 16 << 20,
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
          retries: How often a call that was UNAVAILABLE is repeated, 0 to 4.
          tls: Certificates; None connects without TLS.
          batch_size: The most rows in one request; more are sent in several.
          max_request_bytes: The most bytes in one request, likewise.
          window: The most requests under way at the same time.
          progress: Whether to draw a progress bar on standard error.

        Raises:
          ValueError: If an argument is out of range, or a TLS file cannot be read.
        """
        if version is not None and version_label is not None:
            raise ValueError(
                "`version` and `version_label` must not be given together, got "
                f"{version} and {version_label!r}"
            )
        if not 0 <= retries <= MAX_RETRIES:
            raise ValueError(f"`retries` must be between 0 and {MAX_RETRIES}, got {retries}")
        checked = {"timeout": timeout, "batch_size": batch_size, "window": window}
        for name, value in {**checked, "max_request_bytes": max_request_bytes}.items():
            if not value > 0:
                raise ValueError(f"`{name}` must be more than 0, got {value}")
        self._address = address
        self._timeout = timeout
        self._retries = retries
        self._progress = progress
        self._spec = model_pb2.ModelSpec(name=model_name)
        if version is not None:
            self._spec.version.value = version
        if version_label is not None:
            self._spec.version_label = version_label
        self._channel = open_channel(address, tls, retries)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._piece_limits = (batch_size, max_request_bytes, window)
        self._description: ModelDescription | None = None

    def __enter__(self) -> "GlowClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def status(self) -> list[VersionState]:
        """The model's versions and their states, as the server lists them."""
        # A request's label chooses what answers; the status of all versions has none.
        spec = model_pb2.ModelSpec(name=self._spec.name)
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec)
        response = self._call(self._models.GetModelStatus, request)
        name = get_model_status_pb2.ModelVersionStatus.State.Name
        return [
            VersionState(v.version, name(v.state), v.status.error_message)
            for v in response.model_version_status
        ]

    def metadata(self) -> ModelDescription:
        """The version that answers and its signatures."""
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=self._spec, metadata_field=["signature_def"]
        )
        response = self._call(self._predictions.GetModelMetadata, request)
        try:
            self._description = ModelDescription.from_response(response)
        except ValueError as error:
            raise ServingError(str(error), grpc.StatusCode.FAILED_PRECONDITION) from error
        return self._description

    def preparation(self) -> Preparation | None:
        """How training made the model's images of files; None if the model does not say it."""
        if PREPARATION not in self._known_model().signatures:
            return None
        record = self.predict(PREPARATION, {"row": np.zeros(1, np.int32)})["record"][0]
        try:
            return Preparation.from_json(record)
        except ValueError as error:
            raise ServingError(str(error), grpc.StatusCode.INTERNAL) from error

    def encode(self, images: ArrayLike, labels: ArrayLike | None = None) -> Encoding:
        """Latents and likelihoods of `images`, uint8 [N, H, W, C]."""
        answer = self.predict("encode", {"image": images}, labels)
        return Encoding(answer["latent"], answer["log_prob"], answer["bits_per_dim"])

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
        model = self._known_model()
        if "sample_png" not in model.signatures:
            raise ValueError(
                f"the model {model.name!r} has no `sample_png`: a PNG holds 1 to 4 channels, "
                f"its images have {model.image_shape[-1]}; `sample` draws them as arrays"
            )
        answer = self.predict("sample_png", sampling_inputs(num, temperature, seed), labels)
        return answer["image_bytes"].tolist()

    def reconstruct(self, images: ArrayLike, labels: ArrayLike | None = None) -> np.ndarray:
        """decode(encode(images)): the same bytes again, as far as the flow is invertible."""
        return self.decode(self.encode(images, labels).latent, labels)

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
        start, end = self.encode(np.stack([first, second]), ends).latent
        between = None if ends is None else np.where(np.arange(steps) < steps / 2, *ends)
        return self.decode(interpolate(start, end, steps, path), between)

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
        arrays = check_inputs(self._known_model(), signature, inputs, labels)
        return self._run(signature, arrays, read_answer)

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
        arrays = check_inputs(self._known_model(), signature, inputs, labels)
        outputs = self._run(signature, arrays, read_rows)
        if not outputs["valid"].any():
            check_row(outputs["valid"], arrays)
        return outputs

    def _run(
        self,
        signature: str,
        arrays: Mapping[str, np.ndarray],
        receive: Callable[[grpc.Future, Mapping[str, np.ndarray], int], dict[str, np.ndarray]],
    ) -> dict[str, np.ndarray]:
        rows = len(next(iter(arrays.values())))
        # No `output_filter`: TF Serving's batching knows the whole signature only, and runs a
        # filtered request by itself, on a graph that it must first optimize.
        request = predict_pb2.PredictRequest(model_spec=self._spec)
        request.model_spec.signature_name = signature

        def send(part: Mapping[str, np.ndarray]) -> grpc.Future:
            message = predict_pb2.PredictRequest()
            message.CopyFrom(request)
            for name, value in part.items():
                message.inputs[name].CopyFrom(to_proto(value))
            return self._predictions.Predict.future(message, timeout=self._timeout)

        with tqdm(total=rows, desc=signature, unit="row", disable=not self._progress) as bar:
            try:
                return PiecewiseCall(send, receive, *self._piece_limits).run(arrays, bar.update)
            except grpc.RpcError as error:
                raise explain(error, self._address, self._retries) from error
            except MalformedTensorError as error:
                message = f"{self._address} answered a tensor that {error}"
                raise ServingError(message, grpc.StatusCode.INTERNAL) from error

    def _known_model(self) -> ModelDescription:
        """What the server said of the model the first time it was asked."""
        return self._description or self.metadata()

    def _call(self, method: Callable[..., Any], request: Any) -> Any:
        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise explain(error, self._address, self._retries) from error
