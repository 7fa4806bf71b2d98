"""The client: `from serving.client import GlowClient`, or `python serving/client.py COMMAND`."""

from __future__ import annotations

import sys
from pathlib import Path

if __package__ in (None, ""):
    # Run as a script: the checkout's root makes `serving` a package, as it is for the tests.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from serving.quiet import quiet_imports
from serving.remote.parser import client_parser

__all__ = ["Encoding", "GlowClient", "InvalidRowError", "ServingError", "TlsConfig", "main"]

if __name__ != "__main__":  # The command imports these once its flags are understood.
    from serving.remote.connection import TlsConfig
    from serving.remote.errors import InvalidRowError, ServingError
    from serving.remote.glow_client import Encoding, GlowClient


def main(argv: list[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    flags = client_parser().parse_args(argv)
    # The protocol buffers bring all of TensorFlow, 3 seconds: after the flags were understood.
    with quiet_imports():
        from serving.remote import commands
        from serving.remote.connection import TlsConfig
        from serving.remote.errors import ServingError
        from serving.remote.glow_client import GlowClient
    files = (flags.ca_certificate, flags.client_certificate, flags.client_key, flags.server_name)
    try:
        tls = TlsConfig(*files) if flags.tls or any(files) else None
        with GlowClient(
            flags.server,
            flags.model_name,
            version=flags.version,
            version_label=flags.version_label,
            timeout=flags.timeout,
            retries=flags.retries,
            tls=tls,
            batch_size=flags.batch_size,
            progress=sys.stderr.isatty() and not flags.no_progress,
        ) as client:
            return getattr(commands, flags.command)(client, flags)
    except (ValueError, ServingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
