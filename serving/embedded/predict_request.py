"""A PredictRequest checked against its signature: everything that can be known without running.

The messages are TF Serving's (`servables/tensorflow/predict_util.cc`, `batching_session.cc`, and
the session's own for types). Shapes, which TF Serving leaves to the graph, are compared here too:
a request that the graph would refuse must not be merged with others'.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2

from serving.embedded.errors import invalid_argument
from serving.embedded.servable import Signature
from serving.tensors import MalformedTensorError, declared_shape, dtype_name, to_array


@dataclasses.dataclass(frozen=True)
class CheckedRequest:
    """What is left of a PredictRequest: arrays to feed, their rows, outputs to return."""

    feeds: dict[str, np.ndarray]
    rows: int
    outputs: list[str]


def check_predict_request(
    request: predict_pb2.PredictRequest, signature: Signature, max_rows: int
) -> CheckedRequest:
    """Checks `request`; nothing that it declares is allocated before its size is known to be right.

    Raises:
      RequestError: INVALID_ARGUMENT.
    """
    _check_names(request, signature)
    outputs = _check_filter(request, signature)
    rows = _check_tensors(request, signature, max_rows)
    feeds = {}
    for alias in signature.inputs:
        try:
            feeds[alias] = to_array(request.inputs[alias])
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


def _check_tensors(request: predict_pb2.PredictRequest, signature: Signature, max_rows: int) -> int:
    """Compares what the protos declare with the signature, and returns the number of rows."""
    rows = {}
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
        rows[alias] = _check_shape(alias, proto, info)
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


def _check_shape(alias: str, proto: tensor_pb2.TensorProto, info) -> int:
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
    return shape[0]
