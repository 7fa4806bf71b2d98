"""TF Serving's REST API (`model_servers/http_rest_api_handler.cc`): paths, codes and bodies."""

import asyncio
import contextlib
import dataclasses
import http
import logging
import re
import time
import urllib.parse
import weakref
import zlib
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

import grpc
import numpy as np
from aiohttp import web
from google.protobuf import json_format
from google.protobuf.message import Message
from tensorflow_serving.apis import get_model_metadata_pb2

from serving.embedded.limits import SMALL_BYTES, BytesInFlight, json_row_characters
from serving.embedded.metrics import Metrics
from serving.embedded.model_answers import check_label, model_metadata, model_status
from serving.embedded.off_loop import OffLoop
from serving.embedded.predictor import Predictor
from serving.embedded.request_checks import (
    RequestError,
    Signature,
    check_rows,
    check_shape,
    deadline_exceeded,
    invalid_argument,
)
from serving.embedded.rest_answer import columns_json, error_json, rows_json
from serving.embedded.rest_request import ROWS, RestRequest, read_request
from serving.embedded.servable import Servable
from serving.embedded.sparse_log import SparseLog
from serving.embedded.traffic import Traffic
from serving.embedded.versions import VersionManager

_P = ParamSpec("_P")
_T = TypeVar("_T")
_sparse_log = SparseLog(logging.getLogger(__name__))

_MODEL = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_POST = re.compile(rf"(?i){_MODEL}:(?P<method>classify|regress|predict)", re.ASCII)
_GET = re.compile(rf"(?i)(?:{_MODEL}|/v1/models)(?P<metadata>/metadata)?", re.ASCII)
_V1 = re.compile(r"(?i)/v1/.*", re.ASCII)

# TF Serving's `ToHTTPStatusCode`; what is not here is 500.
_HTTP = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}
_BAD_BODY = "the body is not what its headers say (Content-Encoding, Transfer-Encoding)"
# `zlib`'s word for gzip's header and checksum.
_GZIP = 16 + zlib.MAX_WBITS
# The most bytes that a byte of it becomes.
_MOST_PACKED = 1032
# Reading or writing a character of JSON takes as long as copying some bytes of a message.
_BYTES_A_CHARACTER = 8
# What is longer waits for others of its kind alone: it takes about a tenth of a second.
_LONG_CHARACTERS = 1 << 20
# A number of an answer, with what is between two.
_ANSWERED_CHARACTERS = 16


@dataclasses.dataclass
class _Call:
    # What the metrics count a call under, as over gRPC: a name that the model has.
    name: str = "unknown"
    # In `time.monotonic()`.
    deadline: float | None = None


class RestApi:
    """Answers HTTP requests by the same versions, scheduler and limits as gRPC's."""

    def __init__(
        self,
        model_name: str,
        versions: VersionManager,
        predictor: Predictor,
        in_flight: BytesInFlight,
        traffic: Traffic,
        metrics: Metrics,
        *,
        max_bytes: int,
        timeout_seconds: float,
        cors: bool,
    ):
        """Answers for what the other parts hold.

        Args:
          model_name: The model.
          versions: Its versions to answer from.
          predictor: Runs the requests.
          in_flight: Bounds the bodies of all requests together.
          traffic: Counts the calls, and turns them away once the server stops.
          metrics: Counts the requests.
          max_bytes: The largest body, whatever the model would take.
          timeout_seconds: How long a request may take, its sending included; 0 for ever.
          cors: Whether pages of other origins may read the answers.
        """
        self._model_name = model_name
        self._versions = versions
        self._predictor = predictor
        self._in_flight = in_flight
        # Threads for JSON, which takes far longer than gRPC's messages: those need not wait for it,
        # nor short JSON for long.
        self._short, self._long = OffLoop(), OffLoop()
        self._traffic = traffic
        self._metrics = metrics
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout_seconds
        self._headers = _CORS if cors else {}
        self._row_characters: weakref.WeakKeyDictionary[Servable, int] = weakref.WeakKeyDictionary()

    async def answer(self, request: web.Request) -> web.Response:
        """The answer to any request; what is refused is an object with an `error`."""
        started = time.monotonic()
        deadline = started + self._timeout_seconds if self._timeout_seconds else None
        call = _Call(deadline=deadline)
        status = None
        try:
            with self._traffic.call():
                code, body = grpc.StatusCode.OK, await self._dispatch(request, call)
        except RequestError as error:
            code, body = error.code, error_json(error.message)
            status = error.http_status if isinstance(error, _HttpError) else None
        except web.RequestPayloadError:
            code, body = grpc.StatusCode.INVALID_ARGUMENT, error_json(_BAD_BODY)
        except asyncio.CancelledError:
            # The client left: nobody reads an answer.
            self._metrics.observe_request(call.name, "CANCELLED", time.monotonic() - started)
            raise
        except Exception as error:
            _sparse_log.warning("failed", "a REST request failed", error)
            code = grpc.StatusCode.INTERNAL
            body = error_json(f"{type(error).__name__} in the server")
        self._metrics.observe_request(call.name, code.name, time.monotonic() - started)
        return web.Response(
            body=body,
            status=status or _HTTP.get(code, 500),
            content_type="application/json",
            headers=self._headers,
        )

    def close(self) -> None:
        """Ends the threads."""
        self._short.stop()
        self._long.stop()

    async def _dispatch(self, request: web.Request, call: _Call) -> bytes:
        path = request.rel_url.raw_path
        if not _V1.fullmatch(path):
            raise _HttpError(http.HTTPStatus.NOT_FOUND, f"there is nothing at {path}")
        if request.method == "OPTIONS" and self._headers:
            return b""
        pattern = {"POST": _POST, "GET": _GET}.get(request.method)
        found = pattern.fullmatch(path) if pattern else None
        if found is None:
            raise invalid_argument(f"Malformed request: {request.method} {path}")
        part = found.groupdict()
        if part["name"] is None:
            raise invalid_argument("Missing model name in request.")
        name = urllib.parse.unquote(part["name"])
        version = _version(part["version"])
        label = part["label"] and urllib.parse.unquote(part["label"])
        if request.method == "GET" and not part["metadata"]:
            call.name = "GetModelStatus"
            # A label is ignored here, as over gRPC.
            return _json(model_status(self._versions, self._model_name, name, version))
        if label:
            check_label(label)
        if request.method == "GET":
            call.name = "GetModelMetadata"
            with self._versions.lease(name, version) as servable:
                return _metadata_json(model_metadata(name, servable))
        if part["method"].lower() != "predict":
            raise invalid_argument(f"no signature of {name} is one to {part['method'].lower()} by")
        return await self._predict(request, name, version, call)

    async def _predict(
        self, request: web.Request, name: str, version: int | None, call: _Call
    ) -> bytes:
        with contextlib.ExitStack() as held:
            # Not held while the body comes, which may take long: a version must be able to go.
            with self._versions.lease(name, version) as servable:
                longest = self._longest_row(servable)
            limit = min(self._max_bytes, SMALL_BYTES + self._predictor.max_rows * longest)
            encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
            if encoding not in ("identity", "gzip"):
                raise invalid_argument(
                    f"Content-Encoding must be gzip or identity, got {encoding!r}"
                )
            body = await self._body(request, limit, held, call.deadline)
            if encoding == "gzip":
                most = min(len(body) * _MOST_PACKED, limit)
                body = await self._off_loop(most, _unpacked, body, limit)
                held.enter_context(self._in_flight.hold(len(body)))
            with self._versions.lease(name, version) as servable:

                def signature_of(signature_name: str) -> Signature:
                    signature = _signature(servable, signature_name)
                    call.name = signature.name
                    return signature

                max_rows = self._predictor.max_rows
                asked = await self._off_loop(
                    len(body), read_request, body, signature_of, longest, max_rows
                )
                del body
                rows = _checked_rows(asked, max_rows)
                outputs = await self._predictor.run(
                    servable, asked.signature, asked.inputs, rows, call.deadline
                )
            write = rows_json if asked.form == ROWS else columns_json
            characters = _characters(outputs)
            held.enter_context(self._in_flight.hold(characters))
            return await self._off_loop(characters, write, outputs)

    async def _off_loop(
        self, characters: int, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """What `function` returns, which reads or writes so many characters of JSON."""
        lane = self._long if characters > _LONG_CHARACTERS else self._short
        return await lane.run(characters * _BYTES_A_CHARACTER, function, *args, **kwargs)

    async def _body(
        self,
        request: web.Request,
        limit: int,
        held: contextlib.ExitStack,
        deadline: float | None,
    ) -> bytes:
        """The request's body, of `limit` bytes at most; `held` counts what has come of it."""
        announced = request.content_length or 0
        chunks: list[bytes] = []
        size = 0
        try:
            left = None if deadline is None else deadline - time.monotonic()
            async with asyncio.timeout(left):
                if announced <= limit:
                    async for chunk in request.content.iter_any():
                        size += len(chunk)
                        if size > limit:
                            break
                        held.enter_context(self._in_flight.hold(len(chunk)))
                        chunks.append(chunk)
        except TimeoutError:
            raise deadline_exceeded("the deadline passed before the request was whole") from None
        if max(announced, size) > limit:
            raise _too_large(max(announced, size), limit)
        return b"".join(chunks)

    def _longest_row(self, servable: Servable) -> int:
        """The most characters of a row of any of a version's signatures."""
        if servable not in self._row_characters:
            longest = json_row_characters(servable.signatures())
            self._row_characters[servable] = int(min(longest, self._max_bytes))
        return self._row_characters[servable]


class _HttpError(RequestError):
    """A refusal that HTTP has its own code for."""

    def __init__(self, http_status: int, message: str):
        super().__init__(grpc.StatusCode.INVALID_ARGUMENT, message)
        self.http_status = int(http_status)


def _too_large(size: int, limit: int) -> _HttpError:
    return _HttpError(
        http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"Received message larger than max ({size} vs. {limit})",
    )


def _unpacked(body: bytes, limit: int) -> bytes:
    """The `limit` bytes at most that gzip packed.

    Raises:
      RequestError: If there are more of them, or gzip did not pack the body.
    """
    unpacking = zlib.decompressobj(_GZIP)
    try:
        unpacked = unpacking.decompress(body, limit + 1)
    except zlib.error:
        raise invalid_argument(_BAD_BODY) from None
    if len(unpacked) > limit:
        raise _too_large(len(unpacked), limit)
    if not unpacking.eof or unpacking.unused_data:
        raise invalid_argument(_BAD_BODY)
    return unpacked


def _version(text: str | None) -> int | None:
    if not text:
        return None
    if len(text) > 20 or int(text) >= 2**63:
        raise invalid_argument(f"Failed to convert version: {text} to numeric.")
    return int(text)


def _signature(servable: Servable, name: str) -> Signature:
    try:
        return servable.signature(name)
    except RequestError as error:
        if error.code is not grpc.StatusCode.FAILED_PRECONDITION:
            raise
        # Over REST, TF Serving looks for it at another place, with other words.
        raise invalid_argument(
            f'Serving signature name: "{name}" not found in signature def'
        ) from None


def _checked_rows(asked: RestRequest, max_rows: int) -> int:
    for alias, array in asked.inputs.items():
        check_shape(alias, array.shape, asked.signature.inputs[alias])
    return check_rows({alias: len(array) for alias, array in asked.inputs.items()}, max_rows)


def _characters(outputs: Mapping[str, np.ndarray]) -> int:
    """About how many characters an answer has."""
    return sum(
        2 * sum(map(len, value.flat))
        if value.dtype.hasobject
        else value.size * _ANSWERED_CHARACTERS
        for value in outputs.values()
    )


def _json(message: Message) -> bytes:
    return json_format.MessageToJson(
        message,
        always_print_fields_with_no_presence=True,
        preserving_proto_field_name=True,
        indent=1,
    ).encode()


def _metadata_json(response: get_model_metadata_pb2.GetModelMetadataResponse) -> bytes:
    """The message part by part: as a whole it would name the type of its `Any`, as TF Serving's
    does not."""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    spec = _json(response.model_spec)
    return b'{\n"model_spec":%s\n,\n"metadata": {"signature_def": %s\n}\n}\n' % (
        spec,
        _json(signatures),
    )
