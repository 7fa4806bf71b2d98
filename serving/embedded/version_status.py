"""The state of one version, as GetModelStatus reports it."""

from __future__ import annotations

import dataclasses

import grpc
import tensorflow as tf
from tensorflow_serving.apis import get_model_status_pb2

from serving.embedded.errors import RequestError

# START, LOADING, AVAILABLE, UNLOADING, END.
State = get_model_status_pb2.ModelVersionStatus


@dataclasses.dataclass
class VersionStatus:
    """A version's state, its error if it has one, and when a failed load is tried again."""

    state: int
    error_code: int = 0
    error_message: str = ""
    failures: int = 0
    try_again_at: float = 0.0


def explain_failure(error: Exception) -> tuple[int, str]:
    """A load's failure as a status code and one line."""
    if isinstance(error, RequestError):
        return error.code.value[0], error.message
    if isinstance(error, tf.errors.OpError):
        code, message = error.error_code, str(error.message)
    elif isinstance(error, OSError):
        code, message = grpc.StatusCode.NOT_FOUND.value[0], str(error)
    else:
        code, message = grpc.StatusCode.UNKNOWN.value[0], f"{type(error).__name__}: {error}"
    return code, message.strip().splitlines()[0]
