"""The client library: `from serving.client import GlowClient`.

`python serving/client.py` is its command (`cli.py`). A part is imported when it is first asked
for: the protocol buffers bring all of TensorFlow, and nobody should wait seconds for `--help`.
"""

from typing import TYPE_CHECKING

from tfglow.lazy_parts import lazy_parts

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

__getattr__, __dir__ = lazy_parts(
    __name__,
    {
        "InvalidRowError": "answers",
        "ServingError": "connection",
        "TlsConfig": "connection",
        "Encoding": "glow_client",
        "GlowClient": "glow_client",
        "VersionState": "model_calls",
    },
)
