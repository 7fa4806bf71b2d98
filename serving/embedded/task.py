"""One request's rows on their way through the scheduler."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from concurrent import futures

import numpy as np

from serving.embedded.errors import deadline_exceeded
from serving.embedded.servable import Servable, Signature


@dataclasses.dataclass(eq=False)
class Task:
    """Rows to run, and the future that their outputs or error will be in."""

    servable: Servable
    signature: Signature
    feeds: Mapping[str, np.ndarray]
    rows: int
    # When the client stops waiting, in `time.monotonic()`; None is never.
    deadline: float | None
    enqueued: float = dataclasses.field(default_factory=time.monotonic)
    # Outputs or a RequestError; cancelled by whoever stops waiting before the task is taken.
    result: futures.Future = dataclasses.field(default_factory=futures.Future)

    def seconds_left(self) -> float | None:
        """The time until the deadline, None without one."""
        return None if self.deadline is None else self.deadline - time.monotonic()

    def claim(self) -> bool:
        """Whether somebody still waits; from then on the result cannot be cancelled."""
        if not self.result.set_running_or_notify_cancel():
            return False
        return not self.expire()

    def expire(self) -> bool:
        """Whether the deadline has passed, which is then the result."""
        if self.deadline is None or self.seconds_left() > 0:
            return False
        self.result.set_exception(
            deadline_exceeded("the deadline passed while the request waited in the queue")
        )
        return True
