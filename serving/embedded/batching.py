"""Runs requests on a few threads, several as one batch where batching is on."""

import bisect
import dataclasses
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent import futures

import grpc
import numpy as np

from serving.embedded.config import BatchingConfig
from serving.embedded.request_checks import (
    RequestError,
    Signature,
    deadline_exceeded,
    unavailable,
)
from serving.embedded.servable import Servable

# What runs at one time of a task that is not merged with others: further ones get their turn.
_PIECE_ROWS = 32
# The same in bytes of its strings: a picture file may hold a thousand times as many.
_PIECE_BYTES = 16 << 10
# How long a task lets others go first, for each of its rows, and for each byte of its strings.
_SECONDS_A_ROW_WAITS = 0.01
_SECONDS_A_BYTE_WAITS = 64e-6


@dataclasses.dataclass(eq=False)
class Task:
    """One request's rows, and the future that will hold their outputs or their error."""

    servable: Servable
    signature: Signature
    feeds: Mapping[str, np.ndarray]
    rows: int
    # When the client stops waiting, in `time.monotonic()`; None for never.
    deadline: float | None
    enqueued: float = dataclasses.field(default_factory=time.monotonic)
    # Set once nobody waits any longer: what of it has not run yet need not.
    abandoned: bool = False
    # The outputs of its first rows, if it runs in pieces.
    parts: list[dict[str, np.ndarray]] = dataclasses.field(default_factory=list)
    rows_done: int = 0
    # How many bytes its strings have up to each of its rows, `[rows + 1]`.
    bytes_before: np.ndarray = dataclasses.field(init=False)
    # Outputs or a RequestError; cancelled by whoever stops waiting before the task is taken.
    result: futures.Future[dict[str, np.ndarray]] = dataclasses.field(
        default_factory=futures.Future
    )

    def __post_init__(self) -> None:
        self.bytes_before = np.zeros(self.rows + 1, np.int64)
        for value in self.feeds.values():
            if value.dtype.hasobject:
                sizes = np.vectorize(len, otypes=[np.int64])(value)
                self.bytes_before[1:] += np.cumsum(sizes.sum(axis=tuple(range(1, value.ndim))))

    @property
    def turn(self) -> float:
        """The least one runs next: the time of arrival, later by as much as there is to compute.

        Small tasks pass large ones, and none waits for ever.
        """
        waits = self.rows * _SECONDS_A_ROW_WAITS + self.bytes_before[-1] * _SECONDS_A_BYTE_WAITS
        return self.enqueued + float(waits)

    def next_piece(self) -> "Task":
        """Its next rows, as a task without anybody who waits."""
        start = self.rows_done
        most = self.bytes_before[start] + _PIECE_BYTES
        fits = int(np.searchsorted(self.bytes_before, most, "right")) - 1
        stop = min(self.rows, start + _PIECE_ROWS, max(fits, start + 1))
        feeds = {alias: value[start:stop] for alias, value in self.feeds.items()}
        return Task(self.servable, self.signature, feeds, stop - start, self.deadline)

    def seconds_left(self) -> float | None:
        """The time until the deadline; None without one."""
        return None if self.deadline is None else self.deadline - time.monotonic()

    def claim(self) -> bool:
        """Whether somebody still waits; from then on the result cannot be cancelled."""
        if not self.result.set_running_or_notify_cancel():
            return False
        return not self.expire()

    def expire(self) -> bool:
        """Whether the deadline has passed, which is then the result."""
        left = self.seconds_left()
        if left is None or left > 0:
            return False
        self.result.set_exception(
            deadline_exceeded("the deadline passed while the request waited in the queue")
        )
        return True


class Scheduler:
    """Queues of tasks, one a version and signature, and the threads that run them.

    With `batching`, a thread takes as many tasks of a queue as fit in a batch, once they fill it
    or the first of them has waited `batch_timeout_micros`. Without, it takes one task, at once, and
    runs a few of its rows; the rest waits again. Small tasks go first (`Task.turn`), so that large
    ones hold nobody up.
    """

    def __init__(
        self,
        batching: BatchingConfig | None,
        max_tasks: int,
        observe_batch: Callable[[str, int], None] = lambda signature, rows: None,
        num_threads: int | None = None,
    ):
        """Starts the threads.

        Args:
          batching: How requests are merged; None runs each by itself.
          max_tasks: The most tasks that wait or run at the same time.
          observe_batch: Is told the signature and the rows of every batch that ran.
          num_threads: How many run at the same time without batching; None for one a processor.
        """
        self._merge = batching is not None
        self._config = batching or BatchingConfig(
            batch_timeout_micros=0, num_batch_threads=num_threads or os.cpu_count() or 1
        )
        self._max_tasks = max_tasks
        self._observe_batch = observe_batch
        # By (id of the servable, signature): tasks in order of their turn, never empty.
        self._queues: dict[tuple[int, str], list[Task]] = {}
        # Waiting and running ones: together they bound the memory.
        self._tasks = 0
        self._stopping = False
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._work, name=f"batch-{i}", daemon=True)
            for i in range(self._config.num_batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def max_rows(self) -> int | None:
        """The most rows that one task may have; None without batching, which sets no limit."""
        return self._config.max_batch_size if self._merge else None

    def submit(self, task: Task) -> None:
        """Queues `task`; its `result` will hold the outputs or a RequestError.

        Raises:
          RequestError: UNAVAILABLE, if the queue is full or the server is stopping.
        """
        with self._changed:
            if self._stopping:
                raise unavailable("the server is shutting down")
            waiting = sum(t.rows for t in self._queues.get(_key(task), ()))
            limit = self._config.max_enqueued_batches * self._config.max_batch_size
            if self._tasks >= self._max_tasks or (self._merge and waiting + task.rows > limit):
                raise unavailable(
                    "The batch scheduling queue to which this task was submitted is full"
                )
            self._tasks += 1
            # Only now: a task that was refused must not leave an empty queue behind.
            self._enqueue(task)

    def stop(self, seconds: float) -> bool:
        """Refuses new tasks, finishes the waiting ones; returns whether all threads have ended."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _enqueue(self, task: Task) -> None:
        queue = self._queues.setdefault(_key(task), [])
        bisect.insort(queue, task, key=lambda t: t.turn)
        self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                key, seconds = self._ready()
                while key is None:
                    if self._stopping and not self._queues:
                        return
                    self._changed.wait(seconds)
                    key, seconds = self._ready()
                tasks = self._take(key)
                if self._queues:
                    self._changed.notify()
            if self._merge:
                self._run([task for task in tasks if task.claim()])
            elif self._run_piece(tasks[0]):
                with self._changed:
                    self._enqueue(tasks[0])
                continue
            with self._changed:
                self._tasks -= len(tasks)

    def _ready(self) -> tuple[tuple[int, str] | None, float | None]:
        """The queue to serve now (whose first task's turn is soonest), or how long until there is.

        Without any queue there is neither.
        """
        now = time.monotonic()
        ready: list[tuple[int, str]] = []
        soonest: float | None = None
        for key, queue in self._queues.items():
            due = min(t.enqueued for t in queue) + self._config.batch_timeout_micros / 1e6
            if self._stopping or sum(t.rows for t in queue) >= self._config.max_batch_size:
                due = min(due, now)
            if due <= now:
                ready.append(key)
            soonest = due if soonest is None else min(due, soonest)
        if ready:
            return min(ready, key=lambda key: self._queues[key][0].turn), None
        return None, None if soonest is None else soonest - now

    def _take(self, key: tuple[int, str]) -> list[Task]:
        queue = self._queues[key]
        tasks = [queue.pop(0)]
        rows = tasks[0].rows
        while self._merge and queue and rows + queue[0].rows <= self._config.max_batch_size:
            rows += queue[0].rows
            tasks.append(queue.pop(0))
        if not queue:
            # A queue holds its version alive through its tasks only.
            del self._queues[key]
        return tasks

    def _run_piece(self, task: Task) -> bool:
        """Runs the next rows of a task by itself, and returns whether there are more."""
        if not task.parts and not task.claim():
            return False
        if task.abandoned:
            task.result.set_exception(deadline_exceeded("nobody waits any longer"))
            return False
        if task.expire():
            return False
        piece = task.next_piece()
        try:
            (outputs,) = self._run_batch([piece])
        except Exception as error:
            task.result.set_exception(error)
            return False
        task.parts.append(outputs)
        task.rows_done += piece.rows
        if task.rows_done < task.rows:
            return True
        if len(task.parts) > 1:
            outputs = {
                alias: np.concatenate([part[alias] for part in task.parts]) for alias in outputs
            }
        task.result.set_result(outputs)
        return False

    def _run(self, tasks: list[Task]) -> None:
        if not tasks:
            return
        try:
            outputs = self._run_batch(tasks)
        except Exception as error:
            expired = (
                isinstance(error, RequestError) and error.code is grpc.StatusCode.DEADLINE_EXCEEDED
            )
            if len(tasks) == 1 or expired:
                for task in tasks:
                    task.result.set_exception(error)
                return
            # Somebody's request failed the graph for all: each by itself finds whose it was.
            for task in tasks:
                if not task.expire():
                    self._run([task])
            return
        for task, part in zip(tasks, outputs, strict=True):
            task.result.set_result(part)

    def _run_batch(self, tasks: list[Task]) -> list[dict[str, np.ndarray]]:
        servable, signature = tasks[0].servable, tasks[0].signature
        sizes = [task.rows for task in tasks]
        rows = sum(sizes)
        padding = self._padded_size(rows) - rows
        feeds = {}
        for alias in signature.inputs:
            parts = [task.feeds[alias] for task in tasks]
            merged = np.concatenate(parts) if len(parts) > 1 else parts[0]
            # A row that a client sent is as good as any to compute on.
            extra = np.repeat(merged[:1], padding, axis=0)
            feeds[alias] = np.concatenate([merged, extra]) if padding else merged
        # The batch may take as long as its most patient client waits.
        left = [seconds for task in tasks if (seconds := task.seconds_left()) is not None]
        seconds = max(left) if len(left) == len(tasks) else None
        outputs = servable.run(signature, feeds, seconds)
        self._observe_batch(signature.name, rows)
        for alias, value in outputs.items():
            if value.shape[:1] != (rows + padding,):
                raise RequestError(
                    grpc.StatusCode.FAILED_PRECONDITION,
                    f"output {alias} has the shape {list(value.shape)} for {rows + padding} rows",
                )
        ends = np.cumsum(sizes).tolist()
        return [
            {alias: value[end - size : end] for alias, value in outputs.items()}
            for size, end in zip(sizes, ends, strict=True)
        ]

    def _padded_size(self, rows: int) -> int:
        if not rows:  # Requests without a row have none to repeat either.
            return rows
        return next((s for s in self._config.allowed_batch_sizes if s >= rows), rows)


def _key(task: Task) -> tuple[int, str]:
    return id(task.servable), task.signature.name
