"""What a process leaves that is killed while it writes a file."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest


def killed_in_replace(monkeypatch: pytest.MonkeyPatch, call: Callable[[], object]) -> None:
    """`call`, killed when a file that it writes is complete but not yet at its place."""

    def killed(*paths):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        patch.setattr(Path, "unlink", lambda *args, **kwargs: None)
        with pytest.raises(KeyboardInterrupt):
            call()
