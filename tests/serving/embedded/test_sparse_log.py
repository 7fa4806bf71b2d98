import logging

from serving.embedded import sparse_log
from serving.embedded.sparse_log import SparseLog


def test_a_line_a_minute_for_each_kind(caplog, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(sparse_log.time, "monotonic", lambda: now)
    log = SparseLog(logging.getLogger("test"))
    for _ in range(50):
        log.warning("a", "first")
        log.warning("b", "second")
    assert caplog.messages == ["first", "second"]
    now += 59
    log.warning("a", "third")
    assert len(caplog.messages) == 2
    now += 2
    log.warning("a", "fourth")
    assert caplog.messages[2:] == ["fourth (and 50 more of the kind since the last such line)"]
    now += 61
    log.warning("a", "fifth", ValueError("shown"))
    assert caplog.messages[3:] == ["fifth"] and "ValueError: shown" in caplog.text
