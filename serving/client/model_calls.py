"""Calls to one model behind a server: its versions, its signatures, and their answers."""

import dataclasses
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

from serving.client.answers import InvalidRowError
from serving.client.connection import ServingError, TlsConfig, explain, open_channel
from serving.client.pieces import PiecewiseCall
from serving.client.signatures import ModelDescription, check_inputs
from serving.printable import LONGEST, printable
from serving.tensors import MalformedTensorError, to_proto

# How often a call is repeated whose parts two versions of the model have answered.
_MOST_SWAPS = 3
# What a request that fits one model is refused with by another; INTERNAL is our own, for an answer
# that does not fit.
_OF_ANOTHER_MODEL = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.INTERNAL,
)


class VersionState(NamedTuple):
    """A version of the model, as the server reports it."""

    version: int
    # `START`, `LOADING`, `AVAILABLE`, `UNLOADING` or `END`.
    state: str
    # Empty if there is none.
    error: str


@dataclasses.dataclass(frozen=True)
class Answer:
    """What was sent, what came back, and the versions of the model that it came from."""

    inputs: Mapping[str, np.ndarray]
    outputs: dict[str, np.ndarray]
    versions: frozenset[int]

    def then(self, later: "Answer") -> "Answer":
        """The answer to a call that went on from this one."""
        return dataclasses.replace(later, versions=self.versions | later.versions)


class ModelCalls:
    """One model behind one server. It remembers the model's signatures as they were last seen.

    After a swap to another model it looks at them again: when an answer names another version, and
    when a request or an answer does not fit what is remembered.
    """

    def __init__(
        self,
        address: str,
        spec: model_pb2.ModelSpec,
        tls: TlsConfig | None,
        timeout: float,
        retries: int,
        piece_limits: tuple[int, int, int],
        progress: bool,
    ):
        """Opens no connection before the first call.

        Args:
          address: The server, as host:port.
          spec: The model, and which version of it.
          tls: Certificates; None connects without TLS.
          timeout: The deadline of each call in seconds, retries included.
          retries: How often a call is repeated.
          piece_limits: The most rows and the most bytes in one request, and how many requests may
            be under way.
          progress: Whether to draw a progress bar on standard error.

        Raises:
          ValueError: If a TLS file cannot be used.
        """
        self._address = address
        self._timeout = timeout
        self._retries = retries
        self._tls = tls
        self._progress = progress
        self._spec = spec
        self._channel = open_channel(address, tls, retries)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._piece_limits = piece_limits
        self._description: ModelDescription | None = None

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def status(self) -> list[VersionState]:
        """The model's versions and their states, as the server lists them."""
        # A request's label chooses what answers; the status of all versions has none.
        spec = model_pb2.ModelSpec(name=self._spec.name)
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec)
        response = self._call(self._models.GetModelStatus, request)
        return [
            VersionState(v.version, _state_name(v.state), v.status.error_message)
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

    def known_model(self, signature: str) -> ModelDescription:
        """What the server said of the model last, asked anew if that has no such signature."""
        known = self._description
        return known if known and signature in known.signatures else self.metadata()

    def of_one_version(self, ask: Callable[[], Answer]) -> Answer:
        """What `ask` answers; it asks again where the version changed in between.

        Raises:
          ServingError: ABORTED, if it does so each time.
        """
        for _ in range(_MOST_SWAPS):
            answer = ask()
            if len(answer.versions) == 1:
                return answer
        message = f"{self._address} changed the version of the model while it answered"
        raise ServingError(f"{message}, {_MOST_SWAPS} times", grpc.StatusCode.ABORTED)

    def ask(
        self,
        signature: str,
        inputs: Mapping[str, ArrayLike],
        labels: ArrayLike | None,
        read: Callable[..., dict[str, np.ndarray]],
    ) -> Answer:
        """One signature's answer, after another look at the model where it may have changed."""
        known = self._description
        if known is not None:
            try:
                return self._run(
                    known, signature, check_inputs(known, signature, inputs, labels), read
                )
            except InvalidRowError:
                raise
            except (ValueError, ServingError) as error:
                if not self._is_another_model(known, error):
                    raise
        model = self.known_model(signature)
        return self._run(model, signature, check_inputs(model, signature, inputs, labels), read)

    def _is_another_model(self, known: ModelDescription, error: Exception) -> bool:
        """Whether a refusal may be due to another model than the one that was known."""
        if isinstance(error, ServingError) and error.code not in _OF_ANOTHER_MODEL:
            return False
        try:
            return self.metadata() != known
        except ServingError:
            return False

    def _run(
        self,
        model: ModelDescription,
        signature: str,
        arrays: Mapping[str, np.ndarray],
        read: Callable[..., dict[str, np.ndarray]],
    ) -> Answer:
        rows = len(next(iter(arrays.values())))
        # No `output_filter`: TF Serving's batching knows the whole signature only, and runs a
        # filtered request by itself, on a graph that it must first optimize.
        request = predict_pb2.PredictRequest(model_spec=self._spec)
        request.model_spec.signature_name = signature
        versions = set()

        def send(part: Mapping[str, np.ndarray]) -> grpc.Future:
            message = predict_pb2.PredictRequest()
            message.CopyFrom(request)
            for name, value in part.items():
                message.inputs[name].CopyFrom(to_proto(value))
            return self._predictions.Predict.future(message, timeout=self._timeout)

        def receive(
            future: grpc.Future, part: Mapping[str, np.ndarray], first_row: int
        ) -> dict[str, np.ndarray]:
            versions.add(future.result().model_spec.version.value)
            return read(future, part, first_row, model.signatures[signature].outputs)

        label = printable(signature, LONGEST)
        with tqdm(total=rows, desc=label, unit="row", disable=not self._progress) as bar:
            try:
                outputs = PiecewiseCall(send, receive, *self._piece_limits).run(arrays, bar.update)
            except grpc.RpcError as error:
                raise explain(error, self._address, self._retries, self._tls) from error
            except MalformedTensorError as error:
                message = f"{self._address} answered a tensor that {error}"
                raise ServingError(message, grpc.StatusCode.INTERNAL) from error
        if versions != {model.version}:
            self._description = None  # The next call looks at the model again.
        return Answer(arrays, outputs, frozenset(versions))

    def _call(self, method: Callable[..., Any], request: Any) -> Any:
        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise explain(error, self._address, self._retries, self._tls) from error


def _state_name(state: int) -> str:
    try:
        return get_model_status_pb2.ModelVersionStatus.State.Name(state)
    except ValueError:  # Of a newer or a broken server.
        return f"state {state}"
