import threading
import time

import grpc
import numpy as np
import pytest

from serving.embedded.batching import Scheduler, Task
from serving.embedded.config import BatchingConfig
from serving.embedded.request_checks import RequestError, Signature, invalid_argument

DOUBLE = Signature("double", {"x": None}, {"y": None})
OTHER = Signature("other", {"x": None}, {"y": None})


class FakeServable:
    """y = 2x; it can be held, and refuses what is negative."""

    def __init__(self):
        self.batches = []
        self.gate = threading.Event()
        self.gate.set()

    def run(self, signature, feeds, seconds):
        self.batches.append((signature.name, feeds["x"].tolist(), seconds))
        assert self.gate.wait(10)
        if (feeds["x"] < 0).any():
            raise invalid_argument("negative")
        return {"y": 2 * feeds["x"]}


@pytest.fixture
def servable():
    fake = FakeServable()
    yield fake
    fake.gate.set()


@pytest.fixture
def make(servable):
    schedulers = []

    def make(batching=None, max_tasks=100, num_threads=2):
        schedulers.append(Scheduler(batching, max_tasks, num_threads=num_threads))
        return schedulers[-1]

    yield make
    servable.gate.set()
    assert all(scheduler.stop(5) for scheduler in schedulers)


def task(servable, values, signature=DOUBLE, seconds=None):
    deadline = None if seconds is None else time.monotonic() + seconds
    return Task(servable, signature, {"x": np.array(values)}, len(values), deadline)


def submit(scheduler, *tasks):
    for one in tasks:
        scheduler.submit(one)
    return tasks


def wait_until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_without_batching_each_task_runs_by_itself(make, servable):
    tasks = submit(make(), *(task(servable, [i, i + 1]) for i in range(5)))
    assert [t.result.result(5)["y"].tolist() for t in tasks] == [
        [2 * i, 2 * i + 2] for i in range(5)
    ]
    assert sorted(batch[1] for batch in servable.batches) == [[i, i + 1] for i in range(5)]


def one_thread(**fields):
    return BatchingConfig(**{"num_batch_threads": 1, "max_batch_size": 8, **fields})


def test_a_full_batch_does_not_wait(make, servable):
    scheduler = make(one_thread(batch_timeout_micros=60_000_000))
    tasks = submit(scheduler, *(task(servable, [i] * 2) for i in range(4)))
    assert [t.result.result(5)["y"].tolist() for t in tasks] == [[2 * i] * 2 for i in range(4)]
    assert len(servable.batches) == 1


def test_the_delay_ends_the_wait_for_company(make, servable):
    scheduler = make(one_thread(batch_timeout_micros=30_000))
    started = time.monotonic()
    (one,) = submit(scheduler, task(servable, [3]))
    assert one.result.result(5)["y"].tolist() == [6]
    assert time.monotonic() - started >= 0.03


def test_tasks_are_not_split_and_keep_their_order(make, servable):
    servable.gate.clear()
    scheduler = make(one_thread(batch_timeout_micros=0))
    first = submit(scheduler, task(servable, [0]))
    wait_until(lambda: servable.batches)
    rest = submit(scheduler, *(task(servable, [i] * 3) for i in range(1, 5)))
    servable.gate.set()
    for number, one in enumerate(first + rest):
        assert set(one.result.result(5)["y"].tolist()) == {2 * number}
    assert [len(batch[1]) for batch in servable.batches] == [1, 6, 6]


def test_a_large_task_runs_in_pieces_and_small_ones_go_between(make, servable):
    scheduler = make(max_tasks=100, num_threads=1)
    servable.gate.clear()
    (large,) = submit(scheduler, task(servable, range(1024)))
    wait_until(lambda: servable.batches)
    (small,) = submit(scheduler, task(servable, [5]))
    servable.gate.set()
    assert small.result.result(5)["y"].tolist() == [10]
    assert large.result.result(5)["y"].tolist() == [2 * i for i in range(1024)]
    assert [len(batch[1]) for batch in servable.batches] == [32, 1] + [32] * 31


@pytest.mark.parametrize(
    "sizes, pieces",
    [
        ([10] * 40, [32, 8]),
        ([100_000] * 3, [1, 1, 1]),
        ([6000] * 3 + [20_000, 1, 2], [2, 1, 1, 2]),
        ([], [0]),
    ],
)
def test_a_piece_holds_few_bytes_of_strings(make, sizes, pieces):
    class Lengths(FakeServable):
        def run(self, signature, feeds, seconds):
            self.batches.append(len(feeds["x"]))
            return {"y": np.array([len(content) for content in feeds["x"]])}

    servable = Lengths()
    files = np.empty(len(sizes), object)
    files[:] = [bytes(size) for size in sizes]
    one = Task(servable, DOUBLE, {"x": files}, len(sizes), None)
    submit(make(), one)
    assert one.result.result(5)["y"].tolist() == sizes
    assert servable.batches == pieces
    assert one.turn - one.enqueued == pytest.approx(len(sizes) * 0.01 + sum(sizes) * 64e-6)


def test_a_small_task_does_not_pass_for_ever(servable):
    large, small = task(servable, range(64)), task(servable, [1])
    assert small.turn < large.turn
    small.enqueued = large.enqueued + 1.0
    assert large.turn < small.turn


def test_what_of_a_large_task_has_not_run_ends_with_it(make, servable):
    scheduler = make(max_tasks=100, num_threads=1)
    servable.gate.clear()
    (left, expired, refused) = submit(
        scheduler,
        task(servable, range(320)),
        task(servable, range(400), seconds=0.02),
        task(servable, [*range(500), -1]),
    )
    wait_until(lambda: servable.batches)
    left.abandoned = True
    time.sleep(0.03)
    servable.gate.set()
    with pytest.raises(RequestError, match="negative"):
        refused.result.result(5)
    for one in (left, expired):
        with pytest.raises(RequestError) as caught:
            one.result.result(5)
        assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert len(servable.batches) == 1 + 16


def test_signatures_and_versions_do_not_mix(make, servable):
    second = FakeServable()
    scheduler = make(one_thread(batch_timeout_micros=20_000))
    tasks = submit(scheduler, task(servable, [1]), task(servable, [2], OTHER), task(second, [3]))
    assert [t.result.result(5)["y"].tolist() for t in tasks] == [[2], [4], [6]]
    assert len(servable.batches) == 2 and len(second.batches) == 1


def test_padding_repeats_a_row_and_is_cut_off(make, servable):
    scheduler = make(one_thread(allowed_batch_sizes=(4, 8), batch_timeout_micros=20_000))
    tasks = submit(scheduler, task(servable, [1, 2, 3]), task(servable, [7, 8]))
    assert [t.result.result(5)["y"].tolist() for t in tasks] == [[2, 4, 6], [14, 16]]
    assert servable.batches[0][1] == [7, 8, 1, 2, 3, 7, 7, 7]


def test_requests_without_rows_are_answered_too(make, servable):
    scheduler = make(one_thread(allowed_batch_sizes=(4, 8), batch_timeout_micros=20_000))
    for values in ([[]], [[], [1, 2], []]):
        tasks = submit(scheduler, *(task(servable, v) for v in values))
        assert [t.result.result(5)["y"].tolist() for t in tasks] == [
            [2 * x for x in v] for v in values
        ]


def test_a_failing_task_spoils_nobody_elses(make, servable):
    scheduler = make(one_thread(batch_timeout_micros=20_000))
    good, bad, also_good = submit(
        scheduler, task(servable, [1]), task(servable, [-1]), task(servable, [3])
    )
    assert good.result.result(5)["y"].tolist() == [2]
    assert also_good.result.result(5)["y"].tolist() == [6]
    with pytest.raises(RequestError, match="negative"):
        bad.result.result(5)


def test_a_full_queue_is_unavailable(make, servable):
    servable.gate.clear()
    scheduler = make(one_thread(max_enqueued_batches=2, batch_timeout_micros=0))
    running = submit(scheduler, task(servable, [0]))
    wait_until(lambda: servable.batches)
    waiting = submit(scheduler, task(servable, [1] * 8), task(servable, [2] * 8))
    with pytest.raises(RequestError, match=r"queue .* is full") as caught:
        scheduler.submit(task(servable, [3]))
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    # Another signature has a queue of its own.
    other = submit(scheduler, task(servable, [4], OTHER))
    servable.gate.set()
    assert all(t.result.result(5) for t in running + waiting + other)


def test_waiting_and_running_tasks_are_bounded(make, servable):
    servable.gate.clear()
    scheduler = make(max_tasks=3)
    tasks = submit(scheduler, *(task(servable, [i]) for i in range(3)))
    with pytest.raises(RequestError, match="full"):
        scheduler.submit(task(servable, [9]))
    servable.gate.set()
    assert all(t.result.result(5) for t in tasks)
    wait_until(lambda: submit(scheduler, task(servable, [9])))


def test_a_refused_task_leaves_no_queue_behind(make, servable):
    """An empty queue would end the threads that look for the task that waits longest."""
    scheduler = make(max_tasks=1)
    servable.gate.clear()
    (held,) = submit(scheduler, task(servable, [1]))
    wait_until(lambda: servable.batches)
    for signature in (DOUBLE, OTHER):
        with pytest.raises(RequestError, match=r"queue .* is full"):
            scheduler.submit(task(servable, [2], signature))
    servable.gate.set()
    assert held.result.result(5)["y"].tolist() == [2]
    wait_until(lambda: scheduler._tasks == 0)
    (after,) = submit(scheduler, task(servable, [3], OTHER))
    assert after.result.result(5)["y"].tolist() == [6]


def test_a_deadline_that_passed_is_not_computed(make, servable):
    servable.gate.clear()
    scheduler = make(one_thread(batch_timeout_micros=0))
    submit(scheduler, task(servable, [0]))
    wait_until(lambda: servable.batches)
    (late,) = submit(scheduler, task(servable, [1], seconds=0.02))
    (cancelled,) = submit(scheduler, task(servable, [2]))
    (good,) = submit(scheduler, task(servable, [3]))
    assert cancelled.result.cancel()
    time.sleep(0.04)
    servable.gate.set()
    assert good.result.result(5)["y"].tolist() == [6]
    with pytest.raises(RequestError) as caught:
        late.result.result(5)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert [batch[1] for batch in servable.batches] == [[0], [3]]


@pytest.mark.parametrize(("seconds", "expected"), [((5, 9), 9), ((5, None), None)])
def test_a_batch_may_take_as_long_as_its_most_patient_client(make, servable, seconds, expected):
    scheduler = make(one_thread(batch_timeout_micros=20_000))
    tasks = submit(scheduler, *(task(servable, [1], seconds=s) for s in seconds))
    assert all(t.result.result(5) for t in tasks)
    given = servable.batches[0][2]
    assert given is None if expected is None else expected - 1 < given <= expected


def test_an_output_without_its_rows_is_refused(make, servable):
    servable.run = lambda *_: {"y": np.zeros(99)}
    (one,) = submit(make(), task(servable, [1]))
    with pytest.raises(RequestError, match=r"shape \[99\] for 1 rows"):
        one.result.result(5)


def test_stopping_finishes_what_waits(make, servable):
    scheduler = make(one_thread(batch_timeout_micros=60_000_000))
    (one,) = submit(scheduler, task(servable, [1]))
    assert scheduler.stop(5)
    assert one.result.result(0)["y"].tolist() == [2]
    with pytest.raises(RequestError, match="shutting down"):
        scheduler.submit(task(servable, [1]))


def test_many_threads_get_exactly_their_rows(make, servable):
    scheduler = make(BatchingConfig(max_batch_size=16, batch_timeout_micros=500), 1000)
    failures = []

    def ask(number):
        generator = np.random.default_rng(number)
        for _ in range(40):
            values = generator.integers(0, 1000, generator.integers(1, 9))
            (one,) = submit(scheduler, task(servable, values))
            if one.result.result(10)["y"].tolist() != (2 * values).tolist():
                failures.append(number)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failures and not any(thread.is_alive() for thread in threads)
    assert len(servable.batches) < 480
