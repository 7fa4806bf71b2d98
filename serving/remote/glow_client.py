"""The client library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import grpc
import numpy as np
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tqdm import tqdm

from serving.remote.answers import read_answer
from serving.remote.connection import MAX_RETRIES, TlsConfig, explain, open_channel
from serving.remote.errors import ServingError
from serving.remote.inputs import check_inputs, sampling_inputs
from serving.remote.interpolation import interpolate
from serving.remote.model_signatures import ModelDescription
from serving.remote.pieces import Pieces
from serving.tensors import MalformedTensorError, to_proto


class Encoding(NamedTuple):
    """What `encode` knows of images: latent [N, D], log-likelihood in nats [N], bits/dim [N]."""

    latent: np.ndarray
    log_prob: np.ndarray
    bits_per_dim: np.ndarray


class VersionState(NamedTuple):
    """A version, its state (`AVAILABLE`, …), and its error if it has one."""

    version: int
    state: str
    error: str


class GlowClient:
    """A Glow behind TF Serving or the embedded server.

    Labels are needed exactly by conditional models: one for all rows, or one a row. Every method
    raises ServingError for a failed call, InvalidRowError for a row that the model does not accept
    and ValueError for arguments that cannot be sent.
    """

    def __init__(
        self,
        address: str = "localhost:8500",
        model_name: str = "glow",
        *,
        version: int | None = None,
        version_label: str | None = None,
        timeout: float = 60.0,
        retries: int = MAX_RETRIES,
        tls: TlsConfig | None = None,
        batch_size: int = 64,
        max_request_bytes: int = 16 << 20,
        window: int = 2,
        progress: bool = False,
    ):
        """Opens no connection before the first call.

        Args:
          address: host:port.
          model_name: the name that the server serves the model under.
          version, version_label: one of them at most; the latest version without.
          timeout: each call's deadline in seconds, retries included.
          retries: how often a call that was UNAVAILABLE is repeated, 0 to 4.
          tls: None for a connection without TLS.
          batch_size: rows in one request; larger ones are split.
          max_request_bytes: bytes in one request, likewise.
          window: requests under way at the same time.
          progress: whether to draw a progress bar on standard error.
        """
        if version is not None and version_label is not None:
            raise ValueError(f"either a version or a label, got {version} and {version_label!r}")
        if not 0 <= retries <= MAX_RETRIES:
            raise ValueError(f"`retries` is between 0 and {MAX_RETRIES}, got {retries}")
        checked = {"timeout": timeout, "batch_size": batch_size, "window": window}
        for name, value in {**checked, "max_request_bytes": max_request_bytes}.items():
            if not value > 0:
                raise ValueError(f"`{name}` is more than 0, got {value}")
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
        self._pieces = (batch_size, max_request_bytes, window)
        self._description: ModelDescription | None = None

    def __enter__(self) -> GlowClient:
        return self

    def __exit__(self, *_) -> None:
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

    def encode(self, images: np.ndarray, labels=None) -> Encoding:
        """Latents and likelihoods of `images`, uint8 [N, H, W, C]."""
        answer = self.predict("encode", {"image": images}, labels)
        return Encoding(answer["latent"], answer["log_prob"], answer["bits_per_dim"])

    def decode(self, latents: np.ndarray, labels=None) -> np.ndarray:
        """Images, uint8 [N, H, W, C], of `latents`, float32 [N, D]."""
        return self.predict("decode", {"latent": latents}, labels)["image"]

    def sample(self, num: int, temperature=1.0, labels=None, seed: int | None = None) -> np.ndarray:
        """`num` images, uint8 [num, H, W, C]; image i is that of the seed `seed + i`.

        `temperature` is one for all or [num]. Without `seed`, a random one is drawn.
        """
        return self.predict("sample", sampling_inputs(num, temperature, seed), labels)["image"]

    def sample_png(self, num: int, temperature=1.0, labels=None, seed: int | None = None) -> list:
        """As `sample`, each image as the bytes of a PNG file."""
        answer = self.predict("sample_png", sampling_inputs(num, temperature, seed), labels)
        return answer["image_bytes"].tolist()

    def reconstruct(self, images: np.ndarray, labels=None) -> np.ndarray:
        """decode(encode(images)): the images again, if the flow is as invertible as it should."""
        return self.decode(self.encode(images, labels).latent, labels)

    def interpolate(
        self, first: np.ndarray, second: np.ndarray, steps: int, labels=None, path: str = "linear"
    ) -> np.ndarray:
        """`steps` images from `first` to `second`, both uint8 [H, W, C], along a latent path.

        `labels` is one label, or one of each end's (the path's first half then has the first's).
        """
        ends = None if labels is None else np.broadcast_to(np.asarray(labels), (2,))
        latents = self.encode(np.stack([first, second]), ends).latent
        between = None if ends is None else np.where(np.arange(steps) < steps / 2, *ends)
        return self.decode(interpolate(*latents, steps, path), between)

    def predict(self, signature: str, inputs: Mapping, labels=None) -> dict[str, np.ndarray]:
        """Any signature on any number of rows; returns its outputs but `valid`, which is checked.

        No `output_filter` is sent: TF Serving's batching knows the whole signature only, and runs
        a filtered request by itself, on a graph that it must first optimize.
        """
        arrays = check_inputs(self._description or self.metadata(), signature, inputs, labels)
        rows = len(next(iter(arrays.values())))
        request = predict_pb2.PredictRequest(model_spec=self._spec)
        request.model_spec.signature_name = signature

        def send(part: Mapping[str, np.ndarray], first_row: int) -> grpc.Future:
            message = predict_pb2.PredictRequest()
            message.CopyFrom(request)
            for name, value in part.items():
                message.inputs[name].CopyFrom(to_proto(value))
            return self._predictions.Predict.future(message, timeout=self._timeout)

        with tqdm(total=rows, desc=signature, unit="row", disable=not self._progress) as bar:
            try:
                return Pieces(send, read_answer, *self._pieces).run(arrays, bar.update)
            except grpc.RpcError as error:
                raise explain(error, self._address, self._retries) from error
            except MalformedTensorError as error:
                message = f"{self._address} answered a tensor that {error}"
                raise ServingError(message, grpc.StatusCode.INTERNAL) from error

    def _call(self, method, request):
        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise explain(error, self._address, self._retries) from error
