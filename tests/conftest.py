"""How the tests run: in parallel, each process small; and what several folders of tests share."""

import fcntl
import gc
import os
import pathlib
from importlib.metadata import version

import pytest

from tests.groups import group, is_last_of_group

REPO = pathlib.Path(__file__).resolve().parents[1]
# Where tests take one bijector after the other.
CONTRACT = REPO / "tests" / "tfglow" / "bijectors"
# Where tests of several files take the same models.
SHARED_MODELS = REPO / "tests" / "tfglow" / "glow"
# Where graphs are rewritten by TensorFlow, as users' are: with the official numbers, in what is
# exported and served, what the pages show, and runs that go on to the bit with a command's. (And in
# every process of its own.)
REWRITTEN = tuple(
    str(REPO / "tests" / name)
    for name in (
        "docs",
        "examples",
        "export",
        "serving",
        "tfglow/official",
        "tfglow/test_frozen",
        "train/test_run.py",
    )
)
# Each holds TensorFlow, a file's models, and all programs that XLA made: up to two gigabytes.
MOST_WORKERS = 4
# What stands in a test's name as it is.
_LONGEST_BYTES = 40
_LONGEST_TEXT = 200
# The memory that was held when it was last freed, in bytes; and how much more is much.
HELD = pytest.StashKey[float]()
_MUCH = 64 * 2**20
# The group of tests that runs, and the custom gradients that were registered before it.
GROUP = pytest.StashKey[tuple[str, set[str]]]()
# Workers, and the processes that tests start, share the cores. Two threads, so that operations are
# divided among threads as they are for users.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "2")
# What XLA compiles here runs once: neither LLVM nor its own emitters need make it fast.
_XLA_FLAGS = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    " --xla_cpu_use_fusion_emitters=false"
)
os.environ["XLA_FLAGS"] = f"{_XLA_FLAGS} {os.environ.get('XLA_FLAGS', '')}"
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
        from tests.lean_graphs import trace_without_stacks

        trace_without_stacks()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node, ids):
    """Refuses to run without groups, which makes in every process what a file's tests share."""
    # A worker writes a test's group behind its name.
    if node.config.getoption("dist") == "loadgroup" and not all("@" in name for name in ids):
        raise pytest.UsageError(
            f"pytest-xdist {version('pytest-xdist')} runs the tests of a group in any process under"
            f" pytest {pytest.__version__}: install the versions of constraints.txt."
        )


def pytest_itemcollected(item):
    """A worker takes a group at a time: a file, or all that shares a bijector or a model.

    Before anything else sees the items: pytest-xdist reads the marker early.
    """
    name = item.path.relative_to(REPO).as_posix()
    if item.path.parent == CONTRACT:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        cases = [
            params[case] for case in ("case", "initialized_case", "sized_case") if case in params
        ]
        name = f"bijector {cases[0]}" if cases else name
    elif item.path.parent == SHARED_MODELS:
        name = "glow"
    if not item.get_closest_marker("xdist_group"):  # Some name their own.
        item.add_marker(pytest.mark.xdist_group(name))


def pytest_make_parametrize_id(config, val, argname):
    """Names long values by their length: all workers must make the same name of a test.

    (A packed file, for one, holds the time at which it was made.)
    """
    if isinstance(val, bytes) and len(val) > _LONGEST_BYTES:
        return f"{argname} of {len(val):,} bytes"
    if isinstance(val, str) and len(val) > _LONGEST_TEXT:
        return f"{argname} of {len(val):,} characters"
    return None


def pytest_collection_modifyitems(items):
    """Groups with something long come first, so that no worker is left with one at the end."""
    long = {group(item) for item in items if item.get_closest_marker("slow")}
    first = {}
    for item in items:
        first.setdefault(group(item), len(first))
    items.sort(key=lambda item: (group(item) not in long, first[group(item)]))


def pytest_collection_finish():
    """All imports are done: what they made is looked at no more, which takes a third of a second.

    (As `serving/server.py` does it, whose unloading of a version collects in milliseconds.)
    """
    gc.collect()
    gc.freeze()
    # Tracing makes objects by the hundred thousand, and most of them stay: looking through them
    # after every 700, as is the default, was a sixth of all the tests' time.
    gc.set_threshold(50_000)


def custom_gradients():
    """TensorFlow's register of traced custom gradients, which keeps each one's graph for ever."""
    from tensorflow.python.framework import ops

    return ops.gradient_registry._registry


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Notes what is registered when a group begins."""
    if item.config.stash.get(GROUP, ("",))[0] != group(item):
        item.config.stash[GROUP] = group(item), set(custom_gradients())


def _held_bytes():
    """The memory of this process; infinite where the system does not say it."""
    statm = pathlib.Path("/proc/self/statm")
    if not statm.exists():
        return float("inf")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    """Frees a group's models and graphs: a process that kept them all grew to 6 GB."""
    if not is_last_of_group(item, nextitem):
        return
    import ctypes

    import keras

    for value in vars(item.module).values():
        if getattr(value, "__module__", "") == item.module.__name__:
            getattr(value, "cache_clear", int)()
    _, before = item.config.stash[GROUP]
    for name in set(custom_gradients()) - before:
        del custom_gradients()[name]
    # Collecting takes a second, and most groups leave little behind.
    if _held_bytes() < item.config.stash.get(HELD, 0) + _MUCH:
        return
    keras.backend.clear_session()  # It collects garbage, too.
    gc.freeze()  # What is left is shared, and looked at no more.
    # What was freed in between what was not goes back to the system.
    getattr(ctypes.CDLL(None), "malloc_trim", int)(0)
    item.config.stash[HELD] = _held_bytes()


@pytest.fixture(scope="module", autouse=True)
def _graphs_as_they_are_traced(request):
    """Graphs are rewritten in some folders only."""
    from tests.lean_graphs import rewriting

    with rewriting(str(request.path).startswith(REWRITTEN)):
        yield


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
    from tests.lean_graphs import rewriting

    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def folder(name, make):
        path = base / f"shared_{name}"
        with open(f"{path}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                unfinished = path.with_name(f"{path.name}.unfinished")
                with rewriting(True):  # The same, whatever test asks first.
                    make(unfinished)
                unfinished.rename(path)
        return path

    return folder


@pytest.fixture(scope="session")
def one_epoch(made_once):
    """The folder of a conditional run of one level and epoch on two replicas; not to be changed."""

    def make(path):
        import dataclasses

        from train.presets import PRESETS
        from train.run import train_and_evaluate

        tiny = PRESETS["tiny"]
        model = dataclasses.replace(tiny.model, levels=1, num_classes=10, weight_y=0.5)
        train_and_evaluate(
            dataclasses.replace(tiny, model=model, epochs=1, strategy="cpu_mirrored"), path
        )

    return made_once("one_epoch", make)
