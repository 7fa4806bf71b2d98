"""One loaded version of the model, and the requests that warm it up."""

import math
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from serving.embedded.load_failures import check_files, explain
from serving.embedded.request_checks import (
    RequestError,
    Signature,
    check_predict_request,
    deadline_exceeded,
    read_inputs,
)
from tfglow.saved_format import WARMUP_FILE

# How many TF Serving takes.
_MAX_RECORDS = 1000
_STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Servable:
    """A SavedModel in a session of its own.

    The v1 loader and `Session.run` are TF Serving's own runtime, and were chosen over the concrete
    functions of `tf.saved_model.load` for four measured reasons: a request's deadline really stops
    the graph (`RunOptions.timeout_in_ms`), a call costs 0.26 ms instead of 0.43, a version loads
    without tracing or Python objects, and `close` gives its memory back (functions stay in the
    process's one eager context).
    """

    def __init__(self, version: int, path: Path, session_config: tf.compat.v1.ConfigProto):
        """Loads the SavedModel in the folder `path`.

        Raises:
          RequestError: If there is none, or it is damaged.
        """
        check_files(path)
        self.version = version
        self._users = 0
        self._unused = threading.Condition()
        graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=graph, config=session_config)
        try:
            with graph.as_default():
                meta_graph = tf.compat.v1.saved_model.load(
                    self._session, [tf.saved_model.SERVING], str(path)
                )
        except Exception as error:
            self._session.close()
            raise explain(path, error, bool(graph.get_operations())) from error
        graph.finalize()
        self.signature_defs = dict(meta_graph.signature_def)

    def signature(self, name: str) -> Signature:
        """The signature `name`, `serving_default` if that is empty.

        Raises:
          RequestError: FAILED_PRECONDITION, if the model has no such signature; INTERNAL, as in TF
            Serving, if it is that of the loader's own initialization.
        """
        name = name or tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
        definition = self.signature_defs.get(name)
        if definition is None:
            raise RequestError(
                grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.'
            )
        if definition.method_name != tf.saved_model.PREDICT_METHOD_NAME:
            raise RequestError(
                grpc.StatusCode.INTERNAL,
                "Expected prediction signature method_name to be one of "
                f"{{{tf.saved_model.PREDICT_METHOD_NAME}}}. Was: {definition.method_name}",
            )
        return Signature(name, dict(definition.inputs), dict(definition.outputs))

    def signatures(self) -> list[Signature]:
        """All signatures that requests may ask for."""
        return [
            self.signature(name)
            for name, definition in self.signature_defs.items()
            if definition.method_name == tf.saved_model.PREDICT_METHOD_NAME
        ]

    def run(
        self, signature: Signature, feeds: Mapping[str, np.ndarray], seconds: float | None
    ) -> dict[str, np.ndarray]:
        """Runs a signature and returns all of its outputs.

        All of them, whatever a client asked for: a session optimizes its graph anew for every
        set of outputs, and the warm-up has paid for this one.

        Args:
          signature: One of this version's.
          feeds: Its inputs by name.
          seconds: The time left until the deadline; None without one.

        Raises:
          RequestError: The graph's own refusal, or DEADLINE_EXCEEDED.
        """
        options = tf.compat.v1.RunOptions()
        if seconds is not None:
            if seconds <= 0:
                raise deadline_exceeded("the deadline passed before the computation")
            options.timeout_in_ms = math.ceil(seconds * 1000)
        try:
            return self._session.run(
                {alias: info.name for alias, info in signature.outputs.items()},
                {signature.inputs[alias].name: value for alias, value in feeds.items()},
                options=options,
            )
        except tf.errors.OpError as error:
            message = error.message.removeprefix("Graph execution error:").strip()
            code = _STATUS_CODES.get(error.error_code, grpc.StatusCode.UNKNOWN)
            raise RequestError(code, message) from error

    def acquire(self) -> None:
        """Keeps the version open until the `release` that belongs to this call."""
        with self._unused:
            self._users += 1

    def release(self) -> None:
        """Ends what `acquire` began."""
        with self._unused:
            self._users -= 1
            self._unused.notify_all()

    def close(self, seconds: float | None = None) -> None:
        """Waits until nobody uses the version (`seconds` at most), then gives it back."""
        with self._unused:
            self._unused.wait_for(lambda: not self._users, seconds)
        self._session.close()


def warm_up(servable: Servable, version_folder: Path, max_rows: int) -> int:
    """Runs every recorded request once, and returns how many there were.

    Raises:
      ValueError: If the file is not one of PredictionLogs, has more than 1,000 of them, or has a
        request that the model refuses: as in TF Serving, the version then does not load.
    """
    count = 0
    for count, request in enumerate(_recorded_requests(version_folder / WARMUP_FILE), 1):
        if count > _MAX_RECORDS:
            raise ValueError(f"{WARMUP_FILE} has more than {_MAX_RECORDS} records")
        try:
            signature = servable.signature(request.model_spec.signature_name)
            checked = check_predict_request(request, signature, max_rows)
            servable.run(signature, read_inputs(request, checked.shapes), None)
        except RequestError as error:
            raise ValueError(f"warm-up request {count} failed: {error.message}") from error
    return count


def _recorded_requests(path: Path) -> Iterator[predict_pb2.PredictRequest]:
    if not path.exists():
        return
    try:
        for record in tf.data.TFRecordDataset(str(path)):
            log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
            if not log.HasField("predict_log"):
                kind = log.WhichOneof("log_type")
                raise ValueError(f"{WARMUP_FILE} has a {kind}, only predict_log is replayed")
            yield log.predict_log.request
    except (tf.errors.OpError, DecodeError) as error:
        raise ValueError(f"{WARMUP_FILE} is not a file of PredictionLog records") from error
