import shutil
import threading
import time

import grpc
import pytest

from serving.embedded import versions
from serving.embedded.request_checks import RequestError, invalid_argument
from serving.embedded.versions import State, VersionManager

pytestmark = pytest.mark.slow


class FakeServable:
    """A version that knows whether it was closed, and refuses after that."""

    def __init__(self, version):
        self.version = version
        self.users = 0
        self.closed = threading.Event()
        self.idle = threading.Event()
        self.idle.set()

    def acquire(self):
        self.users += 1

    def release(self):
        self.users -= 1

    def close(self, seconds=None):
        assert self.idle.wait(5)
        self.closed.set()


@pytest.fixture
def base(tmp_path):
    return tmp_path


class Loader:
    """Loads FakeServables; versions in `broken` fail."""

    def __init__(self):
        self.broken = {}
        self.loaded = {}
        self.tries = []

    def __call__(self, version, folder):
        self.tries.append(version)
        if version in self.broken:
            raise self.broken[version]
        self.loaded[version] = FakeServable(version)
        return self.loaded[version]


@pytest.fixture
def load():
    return Loader()


@pytest.fixture
def changes():
    return []


@pytest.fixture
def manager(base, load, changes):
    manager = VersionManager(
        "glow", base, load, 2, 0.05, lambda states, current: changes.append((states, current))
    )
    yield manager
    assert manager.stop(5)


def add(base, *versions):
    for version in versions:
        (base / str(version)).mkdir()


def current(manager):
    with manager.lease("glow", None) as servable:
        return servable.version


def test_the_largest_integer_is_served_and_all_else_ignored(manager, base, load):
    add(base, 2, 10, "000000009", "unfinished-11", "12x", "-13", "1.5", "٣", 2**63, "tmp")
    manager.poll()
    assert current(manager) == 10
    assert load.tries == [10]
    for name, version in (("glow", 2), ("other", 10)):
        sentence = rf"Servable not found for request: Specific\({name}, {version}\)"
        with (
            pytest.raises(RequestError, match=sentence) as caught,
            manager.lease(name, version),
        ):
            pass
        assert caught.value.code is grpc.StatusCode.NOT_FOUND


def test_a_lease_keeps_the_version_until_it_ends(manager, base, load):
    add(base, 3)
    manager.poll()
    with manager.lease("glow", 3) as servable:
        assert servable.users == 1
    with pytest.raises(KeyError), manager.lease("glow", None):
        raise KeyError
    assert load.loaded[3].users == 0


def test_nothing_to_serve(manager, base, changes):
    manager.poll()
    with pytest.raises(RequestError, match=r"Latest\(glow\)"), manager.lease("glow", None):
        pass
    assert manager.statuses() == {}


def test_a_new_version_is_loaded_before_the_old_one_drains(manager, base, load, changes):
    add(base, 1)
    manager.poll()
    load.loaded[1].idle.clear()  # A request is under way.
    add(base, 2)
    poll = threading.Thread(target=manager.poll)
    poll.start()
    end = time.monotonic() + 5
    while current(manager) != 2:
        assert time.monotonic() < end
    assert not load.loaded[1].closed.is_set()
    assert {v: s.state for v, s in manager.statuses().items()} == {
        2: State.AVAILABLE,
        1: State.UNLOADING,
    }
    load.loaded[1].idle.set()
    poll.join(5)
    assert load.loaded[1].closed.is_set()
    assert manager.statuses()[1].state == State.END
    # At no time was there no version.
    assert [now for _, now in changes][-4:].count(None) == 0


def test_a_version_that_fails_leaves_the_old_one_and_shows(manager, base, load):
    add(base, 1)
    manager.poll()
    load.broken[2] = OSError("SavedModel file does not exist")
    add(base, 2)
    manager.poll()
    assert current(manager) == 1
    status = manager.statuses()[2]
    assert status.state == State.END and status.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert "version 2" in status.error_message and "does not exist" in status.error_message


def test_a_failed_load_is_tried_again_but_not_forever(manager, base, load):
    load.broken[2] = ValueError("truncated")
    add(base, 2)
    for _ in range(20):
        manager.poll()
        time.sleep(0.02)
    assert load.tries == [2, 2, 2]
    # Removed and published anew, it is another version.
    shutil.rmtree(base / "2")
    manager.poll()
    del load.broken[2]
    add(base, 2)
    manager.poll()
    assert current(manager) == 2
    assert manager.statuses()[2].error_message == ""


def test_the_newest_that_loads_serves_after_a_restart_too(manager, base, load):
    load.broken[3] = invalid_argument("warm-up request 1 failed")
    add(base, 1, 2, 3)
    manager.poll()
    assert current(manager) == 2
    assert "warm-up request 1 failed" in manager.statuses()[3].error_message


def test_a_removed_version_rolls_back(manager, base, load):
    add(base, 1, 2)
    manager.poll()
    shutil.rmtree(base / "2")
    manager.poll()
    assert current(manager) == 1
    assert load.loaded[2].closed.is_set()


def test_an_emptied_folder_serves_nothing_a_missing_one_serves_on(manager, base, load):
    add(base, 1)
    manager.poll()
    base.rename(base.with_name("elsewhere"))
    manager.poll()
    assert current(manager) == 1
    base.with_name("elsewhere").rename(base)
    shutil.rmtree(base / "1")
    manager.poll()
    assert load.loaded[1].closed.is_set()
    with pytest.raises(RequestError), manager.lease("glow", None):
        pass


def test_the_history_is_bounded(manager, base, monkeypatch):
    monkeypatch.setattr(versions, "_LONGEST_HISTORY", 3)
    for version in range(1, 8):
        add(base, version)
        manager.poll()
        shutil.rmtree(base / str(version))
    assert list(manager.statuses()) == [7, 6, 5, 4]


def test_polls_by_itself(manager, base):
    manager.start(0.01)
    add(base, 5)
    end = time.monotonic() + 5
    while not manager.statuses().get(5):
        assert time.monotonic() < end
        time.sleep(0.005)
