"""How the tests run: in parallel, each process small; and what several folders of tests share."""

import fcntl
import gc
import os
import pathlib

import pytest

REPO = pathlib.Path(__file__).resolve().parents[1]

# Each worker holds TensorFlow and a file's models: up to a gigabyte and a half.
MOST_WORKERS = 4
# Workers, and the processes that tests start, share the cores. Two threads, so that operations are
# divided among threads as they are for users.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "2")
# Threads that allocate each for itself leave gaps: a worker's memory grew by a half more.
os.environ.setdefault("MALLOC_ARENA_MAX", "2")


def pytest_xdist_auto_num_workers(config):
    """A worker a core, but for a single file, which starts seconds earlier without them."""
    paths = {argument.partition("::")[0] for argument in config.args}
    if len(paths) == 1 and paths.pop().endswith(".py"):
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(cores, MOST_WORKERS)


def pytest_configure(config):
    """Two replicas on any machine need two logical CPUs before TensorFlow starts."""
    distributes = getattr(config.option, "dist", "no") != "no"
    only_distributes = distributes and not hasattr(config, "workerinput")
    if not only_distributes:
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2
        )


def pytest_collection_modifyitems(items):
    """Files with something long come first, so that no worker is left alone with one at the end."""
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)


def pytest_collection_finish():
    """All imports are done: what they made is collected no more, which takes half a second."""
    gc.collect()


@pytest.fixture(scope="module", autouse=True)
def forget_graphs(request):
    """Frees a file's models and graphs: a process that kept them all grew to 6 GB."""
    yield
    import ctypes

    import keras

    for value in vars(request.module).values():
        if getattr(value, "__module__", "") == request.module.__name__:
            getattr(value, "cache_clear", int)()
    keras.backend.clear_session()  # It collects garbage, too.
    # What was freed in between what was not goes back to the system.
    getattr(ctypes.CDLL(None), "malloc_trim", int)(0)


@pytest.fixture(scope="module")
def forget_gradients():
    """For files whose models no other file differentiates: frees what TensorFlow keeps for ever.

    It registers every custom gradient that is traced, and with it the graph: 400 MB for test_keras.
    """
    from tensorflow.python.framework import ops

    registered = ops.gradient_registry._registry
    before = set(registered)
    yield
    for name in set(registered) - before:
        del registered[name]


@pytest.fixture(scope="session")
def shared_dir():
    """The reference files beside the checkout."""
    folder = REPO.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"The reference files are not in {folder}.")
    return folder


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """`made_once(name, make)`: a folder that the first worker to ask makes, for all of them."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def folder(name, make):
        path = base / f"shared_{name}"
        with open(f"{path}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                unfinished = path.with_name(f"{path.name}.unfinished")
                make(unfinished)
                unfinished.rename(path)
        return path

    return folder


@pytest.fixture(scope="session")
def one_epoch(made_once):
    """The folder of a conditional run of one epoch on two replicas; not to be changed."""

    def make(path):
        import dataclasses

        from train.presets import PRESETS
        from train.run import train_and_evaluate

        tiny = PRESETS["tiny"]
        model = dataclasses.replace(tiny.model, num_classes=10, weight_y=0.5)
        train_and_evaluate(
            dataclasses.replace(tiny, model=model, epochs=1, strategy="cpu_mirrored"), path
        )

    return made_once("one_epoch", make)
