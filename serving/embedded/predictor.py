"""Runs checked inputs on a leased version, for both protocols."""

import asyncio
from collections.abc import Mapping

import numpy as np

from serving.embedded.batching import Scheduler, Task
from serving.embedded.limits import BytesInFlight, array_row_bytes
from serving.embedded.request_checks import Signature, deadline_exceeded
from serving.embedded.servable import Servable


class Predictor:
    """Queues requests and waits for their outputs, with the memory of the outputs bounded."""

    def __init__(self, scheduler: Scheduler, in_flight: BytesInFlight, max_rows: int):
        """Runs nothing yet.

        Args:
          scheduler: Runs the requests.
          in_flight: Bounds what all of them hold together.
          max_rows: The most rows in one request, if the scheduler allows as many.
        """
        self._scheduler = scheduler
        self._in_flight = in_flight
        self.max_rows = min(max_rows, scheduler.max_rows or max_rows)

    async def run(
        self,
        servable: Servable,
        signature: Signature,
        inputs: Mapping[str, np.ndarray],
        rows: int,
        deadline: float | None,
    ) -> dict[str, np.ndarray]:
        """All outputs of a signature.

        Args:
          servable: The version, which the caller keeps open.
          signature: One of its signatures.
          inputs: Its inputs, checked.
          rows: How many rows they have.
          deadline: When nobody waits any longer, in `time.monotonic()`; None for never.

        Raises:
          RequestError: UNAVAILABLE, if the queue or the memory is full; DEADLINE_EXCEEDED; or the
            graph's own refusal.
        """
        # A signature whose rows have no fixed size is not counted: nothing here knows it.
        answer_bytes = rows * array_row_bytes(signature.outputs)
        with self._in_flight.hold(answer_bytes if np.isfinite(answer_bytes) else 0.0):
            task = Task(servable, signature, inputs, rows, deadline)
            # The graph may run on when the client has left: the version is kept until then.
            servable.acquire()
            try:
                self._scheduler.submit(task)
            except BaseException:
                servable.release()
                raise
            task.result.add_done_callback(lambda _: servable.release())
            try:
                # A client that leaves cancels this coroutine, and with it a task that waits.
                return await asyncio.wait_for(asyncio.wrap_future(task.result), task.seconds_left())
            except TimeoutError:
                raise deadline_exceeded("the deadline passed during the computation") from None
            finally:
                task.abandoned = True
