"""What every call passes on its way in and out, whatever its method."""

import asyncio
import contextlib
import inspect
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf import descriptor_pool, message, message_factory
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError

from serving.embedded.large_lane import LargeLane
from serving.embedded.limits import SMALL_BYTES, BytesInFlight, RequestLimits
from serving.embedded.metrics import Metrics
from serving.embedded.off_loop import OffLoop
from serving.embedded.request_checks import RequestError, deadline_exceeded, unavailable
from serving.embedded.sparse_log import SparseLog
from serving.embedded.traffic import Traffic
from serving.embedded.wire import check_wire

_log = logging.getLogger(__name__)
# Answered whatever the load, and until the very end.
_HEALTH = "/grpc.health.v1.Health/"
# How long a call's message may take to come; otherwise calls that never send one fill the server.
_MESSAGE_SECONDS = 60.0


class RequestGate(grpc.aio.ServerInterceptor):
    """Takes messages as bytes, and lets in what is small enough, decodes, and has a method.

    grpcio decodes on the event loop, whatever it takes, and answers what cannot be decoded with
    UNKNOWN and a traceback. Here the bytes are looked at first (`check_wire`), large messages are
    decoded and written elsewhere (`OffLoop`), and every refusal is TF Serving's status, counted,
    with a line in the log now and then.
    """

    def __init__(
        self,
        limits: Callable[[str], RequestLimits],
        in_flight: BytesInFlight,
        off_loop: OffLoop,
        traffic: Traffic,
        metrics: Metrics,
        max_calls: int,
    ):
        """Lets nothing in by itself: the server does.

        Args:
          limits: The limits of a method's messages, by its name.
          in_flight: Bounds the messages of all calls together.
          off_loop: Where large messages are decoded.
          traffic: Counts the calls, and turns them away once the server stops.
          metrics: Counts what is refused here.
          max_calls: The most calls under way, most of them not yet read; health is not counted.
        """
        self._limits = limits
        self._in_flight = in_flight
        self._off_loop = off_loop
        self._traffic = traffic
        self._metrics = metrics
        self._max_calls = max_calls
        self._lane = LargeLane()
        self._sparse_log = SparseLog(_log)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """The method's handler with the gate before it; one that refuses if there is none."""
        method = handler_call_details.method
        handler = await continuation(handler_call_details)
        behaviour = handler and (
            handler.unary_unary or handler.unary_stream or handler.stream_stream
        )
        # What the services here answer is all asynchronous; the rest are generated placeholders.
        if not (inspect.iscoroutinefunction(behaviour) or inspect.isasyncgenfunction(behaviour)):
            return self._unimplemented(method if handler else None)
        if handler.unary_unary:
            return self._one_answer(method, behaviour)
        return self._stream(method, behaviour, handler)

    def _unimplemented(self, method: str | None) -> grpc.RpcMethodHandler:
        label = _label(method)

        async def refuse(_: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> None:
            async with self._refusals(context, label):
                self._sparse_log.warning("unimplemented", "a call asked for a method there is not")
                raise RequestError(
                    grpc.StatusCode.UNIMPLEMENTED, "this server does not have the method"
                )

        return grpc.stream_stream_rpc_method_handler(refuse)

    def _one_answer(
        self, method: str, behaviour: Callable[..., Awaitable[Any]]
    ) -> grpc.RpcMethodHandler:
        """For a method with one request and one answer.

        To a client it is the same as a stream that holds one message. Read from a stream, the bytes
        can be let go once they are decoded.
        """
        label, kind = _label(method), _request_kind(method)

        async def request_of(
            context: grpc.aio.ServicerContext, stack: contextlib.ExitStack
        ) -> message.Message:
            limits = self._limits(method)
            if not method.startswith(_HEALTH):
                stack.enter_context(self._traffic.call())
                if self._traffic.under_way > self._max_calls:
                    raise RequestError(
                        grpc.StatusCode.RESOURCE_EXHAUSTED,
                        f"{self._max_calls} calls are under way, try again later",
                    )
            if limits.max_bytes > SMALL_BYTES and self._in_flight.is_full:
                raise unavailable("too many bytes are under way, try again later")
            raw = await self._message(context)
            if raw is None:
                raise _no_message()
            size = len(raw)
            _check_size(size, limits)
            if size > SMALL_BYTES:
                stack.enter_context(self._in_flight.hold(size))
            return await self._off_loop.run(size, self._decode, raw, kind, limits)

        async def answer(
            _: AsyncIterator[bytes], context: grpc.aio.ServicerContext
        ) -> bytes | None:
            async with self._refusals(context, label):
                with contextlib.ExitStack() as stack:
                    # The method alone holds the request: it lets go of what it has made arrays of.
                    response = await behaviour(await request_of(context, stack), context)
                    return response if isinstance(response, bytes) else response.SerializeToString()
            return None

        return grpc.stream_unary_rpc_method_handler(answer)

    async def _message(self, context: grpc.aio.ServicerContext) -> bytes | None:
        """The message of a call; None if its client sends none.

        Raises:
          RequestError: DEADLINE_EXCEEDED, if it does not come.
        """
        reading = asyncio.ensure_future(self._lane.read(context))
        # Of a call that ends before it is read, nobody asks for the error.
        reading.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            done, _ = await asyncio.wait({reading}, timeout=_MESSAGE_SECONDS)
        except asyncio.CancelledError:
            reading.cancel()
            raise
        if not done:
            # Not cancelled: grpcio would free what gRPC still writes the message to. It ends with
            # its call, which the refusal ends.
            raise deadline_exceeded(f"no message came within {_MESSAGE_SECONDS:g} s")
        return reading.result()

    def _stream(
        self, method: str, behaviour: Callable[..., Any], handler: grpc.RpcMethodHandler
    ) -> grpc.RpcMethodHandler:
        """For a method with any number of answers, all of whose messages are small here."""
        label, kind = _label(method), _request_kind(method)

        async def requests(context: grpc.aio.ServicerContext) -> AsyncIterator[message.Message]:
            limits = self._limits(method)
            while (raw := await context.read()) is not grpc.aio.EOF:
                _check_size(len(raw), limits)
                yield self._decode(raw, kind, limits)

        async def answer(_: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> None:
            async with self._refusals(context, label):
                stream = requests(context)
                request = stream if handler.request_streaming else await anext(stream, None)
                if request is None:
                    raise _no_message()
                if inspect.iscoroutinefunction(behaviour):
                    await behaviour(request, context)
                    return
                async for response in behaviour(request, context):
                    await context.write(response)

        return grpc.stream_stream_rpc_method_handler(
            answer, response_serializer=handler.response_serializer
        )

    def _decode(self, raw: bytes, kind: Descriptor, limits: RequestLimits) -> message.Message:
        try:
            check_wire(raw, kind, limits)
            return message_factory.GetMessageClass(kind).FromString(raw)
        except DecodeError:
            self._sparse_log.warning(
                "undecodable", f"a message of {len(raw)} bytes is no {kind.full_name}"
            )
            raise RequestError(
                grpc.StatusCode.INTERNAL, f"the message is no {kind.full_name}"
            ) from None

    @contextlib.asynccontextmanager
    async def _refusals(self, context: grpc.aio.ServicerContext, label: str) -> AsyncIterator[None]:
        """Turns errors inside the `with` into statuses, and counts them.

        A call that has ended by a status of its own, or has been cancelled, passes.
        """
        started = time.monotonic()
        try:
            yield
            return
        except grpc.aio.AbortError as error:
            # grpcio keeps the error with the call, in a circle: without its traceback, whose frames
            # hold messages and arrays, it may wait for the garbage collector.
            raise error.with_traceback(None) from None
        except RequestError as error:
            code, text = error.code, error.message
        except Exception as error:
            self._sparse_log.warning("failed", f"{label} failed", error)
            code, text = grpc.StatusCode.INTERNAL, f"{type(error).__name__} in the server"
        self._metrics.observe_request(label, code.name, time.monotonic() - started)
        await context.abort(code, text)


def _no_message() -> RequestError:
    return RequestError(grpc.StatusCode.INTERNAL, "the call has no message")


def _check_size(size: int, limits: RequestLimits) -> None:
    if size > limits.max_bytes:
        raise RequestError(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"Received message larger than max ({size} vs. {limits.max_bytes})",
        )


def _label(method: str | None) -> str:
    """What a call is counted under: a method that there is, never a stranger's words."""
    return method.rpartition("/")[2] if method else "unknown"


def _request_kind(method: str) -> Descriptor:
    """The request of `/package.Service/Method`, from the files that its service came with."""
    service, _, name = method.removeprefix("/").rpartition("/")
    found = descriptor_pool.Default().FindServiceByName(service)
    return found.methods_by_name[name].input_type
