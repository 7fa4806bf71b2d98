"""The command line of `python serving/demo.py`.

Importing this imports no TensorFlow, so that `--help` and a wrong flag are answered at once.
"""

import os
import signal
import sys
import threading
import warnings
import webbrowser

from serving.demo.config import DemoConfig
from serving.printable import say
from serving.quiet import quiet_imports
from tfglow.flags import add_flags, given
from tfglow.one_sentence_parser import OneSentenceParser

_DESCRIPTION = """\
A local page for a served Glow: samples, pictures between two, attributes, and what the model says
of a picture. It asks TF Serving or serving/server.py over gRPC, and loads nothing from elsewhere.
"""
_EPILOG = """\
examples:
  python serving/demo.py --server=localhost:8500
  python serving/demo.py --directions=directions.npz    # with attribute sliders
"""


def main(argv: list[str] | None = None) -> int:
    """Serves the page until SIGTERM or SIGINT; returns the exit status."""
    config = _parse(argv)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with quiet_imports("demo"):  # The protocol buffers bring TensorFlow, which takes seconds.
        from PIL.Image import DecompressionBombWarning

        from serving.client import ServingError
        from serving.demo.demo import open_demo
        from serving.demo.guard import LOCAL_NAMES
    # Pillow warns of pictures that are refused in a sentence.
    warnings.simplefilter("ignore", DecompressionBombWarning)
    try:
        client, model, server = open_demo(config)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    try:
        server.start()
    except OSError as error:
        print(
            f"error: cannot listen at {config.host}:{config.port}: {error.strerror or error}; "
            "--port takes another",
            file=sys.stderr,
        )
        return 1
    print(f"The page is at {server.url} (Ctrl+C ends it)", flush=True)
    if config.open_browser and _has_screen():
        threading.Thread(target=webbrowser.open, args=[server.url], daemon=True).start()
    if config.host not in LOCAL_NAMES:
        print(f"Whoever reaches {config.host}:{config.port} can use it: it asks for no password")
    try:
        description = model.refresh().description
        say(f"It shows {description.name}, version {description.version}, at {config.server}")
        if misfit := model.misfit():
            print(f"There are no attribute sliders: {misfit}")
    except ServingError as error:
        say(f"It waits for the model: {error}")
    sys.stdout.flush()
    stopping.wait()
    server.stop()
    client.close()
    return 0


def _parse(argv: list[str] | None) -> DemoConfig:
    parser = OneSentenceParser(
        prog="serving/demo.py",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    add_flags(parser, DemoConfig)
    flags = parser.parse_args(argv)
    try:
        return DemoConfig(**given(flags, DemoConfig))
    except ValueError as error:
        parser.error(str(error))


def _has_screen() -> bool:
    """Whether a browser has a window; in a terminal it would take the program's place."""
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(shown) or sys.platform in ("darwin", "win32")
