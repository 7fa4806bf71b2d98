"""Turns whatever happens while a request is answered into a status and a metric."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections.abc import AsyncIterator

import grpc

from serving.bad_rows import BAD_ROW_KEY
from serving.embedded.errors import RequestError
from serving.embedded.metrics import Metrics

_log = logging.getLogger(__name__)


@dataclasses.dataclass
class Call:
    """What is known of a call while it is answered."""

    # A name that the model has: a client's own would let strangers invent metrics.
    signature: str = "unknown"


@contextlib.asynccontextmanager
async def answering(
    context: grpc.aio.ServicerContext, metrics: Metrics, started: float
) -> AsyncIterator[Call]:
    """Aborts `context` with a RequestError's status (INTERNAL for any other error), and counts."""
    call = Call()
    code, message = grpc.StatusCode.OK, ""
    try:
        yield call
    except RequestError as error:
        code, message = error.code, error.message
        if error.row is not None:
            context.set_trailing_metadata(((BAD_ROW_KEY, str(error.row)),))
    except asyncio.CancelledError:
        # The client left, or its deadline passed: nobody reads an answer.
        metrics.observe_request(call.signature, "CANCELLED", time.monotonic() - started)
        raise
    except Exception as error:
        _log.exception("a request failed")
        code, message = grpc.StatusCode.INTERNAL, f"{type(error).__name__} in the server"
    metrics.observe_request(call.signature, code.name, time.monotonic() - started)
    if code is not grpc.StatusCode.OK:
        await context.abort(code, message)
