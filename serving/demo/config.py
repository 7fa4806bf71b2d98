"""What `python serving/demo.py` shows, and where; checked once."""

import dataclasses
from pathlib import Path

from serving.client import DEFAULT_ADDRESS, DEFAULT_MODEL_NAME, DEFAULT_TIMEOUT
from tfglow import fields
from tfglow.fields import field
from tfglow.local_paths import check_local_path


@dataclasses.dataclass(frozen=True)
class DemoConfig:
    """The page's configuration; each field is a flag.

    Raises:
      ValueError: If a field is of another type or out of range.
    """

    server: str = field(DEFAULT_ADDRESS, help="The model's server, HOST:PORT.")
    model_name: str = field(DEFAULT_MODEL_NAME, help="The name that it serves the model under.")
    version: int | None = field(None, help="The version to ask; none for the latest.", low=1)
    directions: Path | None = field(
        None,
        help="Attribute directions, as train/experiments/attributes.py find writes them; "
        "without them there are no attribute sliders.",
    )
    host: str = field(
        "127.0.0.1",
        help="The interface to listen on. The page asks for no password: others than this "
        "machine's should be let in by a proxy that does.",
    )
    port: int = field(8502, help="The page's port; 0 takes a free one.", low=0, high=65535)
    allowed_hosts: tuple[str, ...] = field(
        (),
        help="Host names in the page's address, besides `host` and this machine's own, such as "
        "the name that a proxy has.",
    )
    open_browser: bool = field(True, help="Opens the page, where there is a screen.")
    max_upload_bytes: int = field(16 << 20, help="The largest picture file that is taken.", low=1)
    max_upload_pixels: int = field(
        40_000_000, help="The most pixels that such a file may hold.", low=1
    )
    timeout: float = field(
        DEFAULT_TIMEOUT, help="Seconds that a call of the model may take.", above=0
    )
    tls: bool = field(False, help="Asks over TLS; the files below switch it on, too.")
    ca_certificate: Path | None = field(None, help="The authority to trust, PEM.")
    client_certificate: Path | None = field(None, help="The client's certificate, PEM.")
    client_key: Path | None = field(None, help="Its key, PEM.")
    server_name: str | None = field(None, help="The name on the server's certificate.")

    def __post_init__(self) -> None:
        fields.check(self)
        for name in ("server", "model_name", "host"):
            if not getattr(self, name):
                raise ValueError(f"`{name}` must not be empty, got ''.")
        if self.directions is not None:
            check_local_path(self.directions, "`directions`")
