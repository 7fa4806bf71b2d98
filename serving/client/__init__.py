"""The client library: `from serving.client import GlowClient`.

`python serving/client.py` is its command (`cli.py`). A part is imported when it is first asked
for: the protocol buffers bring all of TensorFlow, and nobody should wait seconds for `--help`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from serving.client.answers import InvalidRowError
    from serving.client.connection import ServingError, TlsConfig
    from serving.client.glow_client import Encoding, GlowClient
    from serving.client.model_calls import VersionState

__all__ = ["Encoding", "GlowClient", "InvalidRowError", "ServingError", "TlsConfig", "VersionState"]

# Defaults of the library and of the command alike.
DEFAULT_ADDRESS = "localhost:8500"
DEFAULT_MODEL_NAME = "glow"
DEFAULT_TIMEOUT = 60.0
DEFAULT_BATCH_SIZE = 64
# gRPC counts the first try too, and allows five in all.
MAX_RETRIES = 4

_PARTS = {
    "InvalidRowError": "answers",
    "ServingError": "connection",
    "TlsConfig": "connection",
    "Encoding": "glow_client",
    "GlowClient": "glow_client",
    "VersionState": "model_calls",
}


def __getattr__(name: str) -> Any:
    if name not in _PARTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PARTS[name]}"), name)
