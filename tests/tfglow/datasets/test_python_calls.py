import threading
import time

import tensorflow as tf

from tfglow.datasets import python_calls
from tfglow.datasets.python_calls import python_call


def test_gives_what_the_function_gives():
    doubled = python_call(lambda x: 2 * x, [tf.constant([1, 2])], tf.int32)
    assert doubled.numpy().tolist() == [2, 4]


def test_the_end_of_the_process_waits_for_the_pipelines_calls(monkeypatch):
    monkeypatch.setattr(python_calls, "_QUIET", 0.05)
    begun, may_end = threading.Event(), threading.Event()

    def work(x):
        begun.set()
        may_end.wait(60)
        return x

    data = tf.data.Dataset.range(1).map(lambda x: python_call(work, [x], tf.int64))
    reading = threading.Thread(target=lambda: next(iter(data)))
    reading.start()
    assert begun.wait(60)
    waiting = threading.Thread(target=python_calls._CALLS.wait_until_quiet)
    waiting.start()
    waiting.join(0.3)
    assert waiting.is_alive()
    may_end.set()
    reading.join(60)
    waiting.join(60)
    assert not waiting.is_alive()


def test_it_does_not_wait_long_after_the_last_call(monkeypatch):
    python_call(lambda x: x, [tf.constant(1)], tf.int32)
    monkeypatch.setattr(python_calls, "_QUIET", 0.01)
    time.sleep(0.02)
    start = time.monotonic()
    python_calls._CALLS.wait_until_quiet()
    assert time.monotonic() - start < python_calls._PATIENCE / 10
