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
    """Loads FakeServables; versions in `broken` fail, those in `hanging` wait for an event."""

    def __init__(self):
        self.broken = {}
        self.hanging = {}
        self.loaded = {}
        self.tries = []

    def __call__(self, version, folder):
        self.tries.append(version)
        if version in self.hanging:
            assert self.hanging[version].wait(20)
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
        "glow", base, load, 2, 0.05, 0.2, lambda states, current: changes.append((states, current))
    )
    yield manager
    for event in load.hanging.values():
        event.set()
    manager.stop(5)


def add(base, *versions):
    for version in versions:
        (base / str(version)).mkdir()


def current(manager):
    with manager.lease("glow", None) as servable:
        return servable.version


def test_the_largest_integer_is_served_and_all_else_ignored(manager, base, load):
    add(base, 2, " +010 ", "000000009", "unfinished-11", "12x", "-13", "1.5", "٣", 2**63, "tmp")
    manager.poll()
    assert current(manager) == 10
    assert load.loaded[10].version == 10
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


def test_what_looks_like_a_version_and_is_ignored_is_said_once(manager, base, load, caplog):
    add(base, 2**63, 10**30, "007", 7)
    manager.poll()
    manager.poll()
    assert load.tries == [7] and manager.statuses().keys() == {7}
    said = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert said == [
        f"{base}/{10**30} is ignored: versions go up to 2⁶³ − 1 = {2**63 - 1}",
        f"version 7 is loaded from {base}/7; {base}/007 is ignored",
        f"{base}/{2**63} is ignored: versions go up to 2⁶³ − 1 = {2**63 - 1}",
    ]
    add(base, 2**63 - 1)
    manager.poll()
    assert current(manager) == 2**63 - 1


def test_a_load_that_hangs_is_left_behind_and_the_next_is_tried(manager, base, load, caplog):
    load.hanging[3] = threading.Event()
    add(base, 2, 3)
    started = time.monotonic()
    manager.poll()
    assert current(manager) == 2 and time.monotonic() - started < 5
    status = manager.statuses()[3]
    assert status.state == State.END
    assert status.error_code == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
    sentence = f"version 3 in {base}/3 cannot be loaded: it did not load within 0.2 s"
    assert status.error_message.startswith(sentence)
    assert sentence in caplog.text
    # A newer one is served, and the one that hangs is not tried beside itself.
    time.sleep(0.06)
    manager.poll()
    add(base, 4)
    manager.poll()
    assert current(manager) == 4 and load.tries == [3, 2, 4]
    assert not manager.stop(5)


def test_what_loads_too_late_is_closed_and_tried_again(manager, base, load):
    load.hanging[3] = threading.Event()
    add(base, 3)
    manager.poll()
    assert load.tries == [3]
    load.hanging[3].set()
    end = time.monotonic() + 5
    while not (3 in load.loaded and load.loaded[3].closed.is_set()):
        assert time.monotonic() < end
        time.sleep(0.005)
    while 3 not in [s.version for s in [manager._current] if s]:
        assert time.monotonic() < end
        time.sleep(0.02)
        manager.poll()
    assert load.tries == [3, 3] and not load.loaded[3].closed.is_set()
    assert manager.stop(5)


def test_a_folder_that_replaces_one_that_hangs_is_a_new_version(manager, base, load):
    load.hanging[3] = threading.Event()
    add(base, 3)
    manager.poll()
    (base / "new").mkdir()
    (base / "3").rename(base / "old")
    (base / "new").rename(base / "3")
    del load.hanging[3]
    manager.poll()
    assert current(manager) == 3


def test_a_time_out_of_the_disk_is_a_failure_like_any_other(manager, base, load):
    load.broken[3] = TimeoutError(110, "Connection timed out")
    add(base, 3)
    manager.poll()
    assert "[Errno 110] Connection timed out" in manager.statuses()[3].error_message


def test_stopping_does_not_wait_for_a_load_that_hangs(base, load):
    load.hanging[3] = threading.Event()
    manager = VersionManager("glow", base, load, 2, 0.05, 600.0)
    add(base, 2, 3)
    starter = threading.Thread(target=manager.start, args=(0.01,))
    starter.start()
    end = time.monotonic() + 5
    while not load.tries:
        assert time.monotonic() < end
        time.sleep(0.005)
    assert not manager.stop(5)  # The load's thread is there yet.
    starter.join(5)
    assert not starter.is_alive() and load.tries == [3]
    load.hanging[3].set()
    assert load.loaded.get(3) is None or load.loaded[3].closed.wait(5)


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
