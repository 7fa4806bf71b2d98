"""What is known of a request without running it: its refusals, or the arrays to run.

The messages are TF Serving's (`servables/tensorflow/predict_util.cc`, `batching_session.cc`, and
the session's own for types). Shapes, which TF Serving leaves to the graph, are compared here too:
a request that the graph would refuse must not be merged with others'.
"""

import dataclasses
from collections.abc import Mapping

import grpc
import numpy as np
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import predict_pb2

from serving.tensors import MalformedTensorError, declared_shape, dtype_name, to_array

# TF Serving's limit: status messages travel in HTTP/2 headers, which are small.
_LONGEST_MESSAGE = 1024


class RequestError(Exception):
    """The one exception that becomes a gRPC status: its code, and a sentence."""

    def __init__(self, code: grpc.StatusCode, message: str):
        if len(message) > _LONGEST_MESSAGE:
            message = message[:_LONGEST_MESSAGE] + "...TRUNCATED"
        super().__init__(message)
        self.code = code
        self.message = message


def invalid_argument(message: str) -> RequestError:
    """INVALID_ARGUMENT, by far the commonest refusal."""
    return RequestError(grpc.StatusCode.INVALID_ARGUMENT, message)


def deadline_exceeded(message: str) -> RequestError:
    """DEADLINE_EXCEEDED."""
    return RequestError(grpc.StatusCode.DEADLINE_EXCEEDED, message)


def not_found(message: str) -> RequestError:
    """NOT_FOUND, for a model or a version."""
    return RequestError(grpc.StatusCode.NOT_FOUND, message)


def unavailable(message: str) -> RequestError:
    """UNAVAILABLE: the one refusal that a client may repeat."""
    return RequestError(grpc.StatusCode.UNAVAILABLE, message)


@dataclasses.dataclass(frozen=True)
class Signature:
    """A signature of the model: its name, and its tensors by their names in requests."""

    name: str
    inputs: Mapping[str, meta_graph_pb2.TensorInfo]
    outputs: Mapping[str, meta_graph_pb2.TensorInfo]


@dataclasses.dataclass(frozen=True)
class CheckedRequest:
    """What is left of a PredictRequest: arrays to feed, their rows, outputs to return."""

    feeds: dict[str, np.ndarray]
    rows: int
    outputs: list[str]


def check_predict_request(
    request: predict_pb2.PredictRequest, signature: Signature, max_rows: int
) -> CheckedRequest:
    """Checks a request; nothing that it declares is allocated before the size is known to be right.

    Args:
      request: The request.
      signature: The signature that it asks for.
      max_rows: The most rows that it may have.

    Raises:
      RequestError: INVALID_ARGUMENT, if it does not fit the signature.
    """
    _check_names(request, signature)
    outputs = _check_filter(request, signature)
    shapes = _check_tensors(request, signature)
    rows = _check_rows({alias: shape[0] for alias, shape in shapes.items()}, max_rows)
    feeds = {}
    for alias in signature.inputs:
        try:
            feeds[alias] = to_array(request.inputs[alias], shapes[alias])
        except MalformedTensorError as error:
            raise invalid_argument(f"tensor parsing error: {alias} ({error})") from error
    return CheckedRequest(feeds, rows, outputs)


def _check_names(request: predict_pb2.PredictRequest, signature: Signature) -> None:
    sent, wanted = sorted(request.inputs), sorted(signature.inputs)
    if len(sent) != len(wanted):
        extra, missing = sorted(set(sent) - set(wanted)), sorted(set(wanted) - set(sent))
        raise invalid_argument(
            f"input size does not match signature: {len(sent)}!={len(wanted)} "
            f"len({{{','.join(sent)}}}) != len({{{','.join(wanted)}}}). "
            f"Sent extra: {{{','.join(extra)}}}. Missing but required: {{{','.join(missing)}}}."
        )
    for alias in wanted:
        if alias not in request.inputs:
            raise invalid_argument(
                f"Signature input alias: {alias}(feed name: {signature.inputs[alias].name}) not "
                "found in request and no default value provided. Inputs expected to be in the "
                f"set {{{','.join(wanted)}}}."
            )


def _check_filter(request: predict_pb2.PredictRequest, signature: Signature) -> list[str]:
    seen = set()
    for alias in request.output_filter:
        if alias not in signature.outputs:
            raise invalid_argument(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in "
                f"the set {{{','.join(sorted(signature.outputs))}}}."
            )
        if alias in seen:
            raise invalid_argument(f"duplicate output tensor alias: {alias}")
        seen.add(alias)
    return list(request.output_filter) or list(signature.outputs)


def _check_tensors(
    request: predict_pb2.PredictRequest, signature: Signature
) -> dict[str, tuple[int, ...]]:
    """Compares what the protos declare with the signature; returns their shapes."""
    shapes = {}
    # The session numbers its arguments by the names of its feeds.
    order = sorted(signature.inputs, key=lambda alias: signature.inputs[alias].name)
    for index, alias in enumerate(order):
        proto, info = request.inputs[alias], signature.inputs[alias]
        if not proto.dtype:
            raise invalid_argument(f"tensor parsing error: {alias}")
        if proto.dtype != info.dtype:
            raise invalid_argument(
                f"Expects arg[{index}] to be {dtype_name(info.dtype)} "
                f"but {dtype_name(proto.dtype)} is provided"
            )
        shapes[alias] = _check_shape(alias, proto, info)
    return shapes


def _check_shape(
    alias: str, proto: tensor_pb2.TensorProto, info: meta_graph_pb2.TensorInfo
) -> tuple[int, ...]:
    try:
        shape = declared_shape(proto)
    except MalformedTensorError as error:
        raise invalid_argument(f"tensor parsing error: {alias} ({error})") from error
    if not shape:
        raise invalid_argument("Batching Run() input tensors must have at least one dimension")
    wanted = [dim.size for dim in info.tensor_shape.dim]
    fits = len(wanted) == len(shape) and all(
        size in (-1, got) for size, got in zip(wanted, shape, strict=True)
    )
    if not info.tensor_shape.unknown_rank and not fits:
        expected = ",".join("?" if size < 0 else str(size) for size in wanted)
        raise invalid_argument(
            f"Shape of tensor {alias} [{','.join(map(str, shape))}] is not compatible with "
            f"expected shape [{expected}]."
        )
    return shape


def _check_rows(rows: dict[str, int], max_rows: int) -> int:
    """The number of rows that all inputs have."""
    if len(set(rows.values())) > 1:
        sizes = ", ".join(f"{alias} has {count}" for alias, count in rows.items())
        raise invalid_argument(
            f"Batching Run() input tensors must have equal 0th-dimension size ({sizes})"
        )
    count = next(iter(rows.values()), 0)
    if count > max_rows:
        raise invalid_argument(
            f"Task size {count} is larger than maximum input batch size {max_rows}"
        )
    return count
