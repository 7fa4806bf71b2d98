"""The client's command line: its flags, and what is done with them.

Importing this imports no TensorFlow, so that `--help` and a wrong flag are answered at once.
"""

import argparse
import os
import sys
import warnings
from pathlib import Path

from serving.client import (
    DEFAULT_ADDRESS,
    DEFAULT_BATCH_SIZE,
    DEFAULT_MODEL_NAME,
    DEFAULT_TIMEOUT,
    MAX_RETRIES,
)
from serving.printable import say
from serving.quiet import quiet_imports
from tfglow.one_sentence_parser import OneSentenceParser

_EPILOG = """\
examples:
  python serving/client.py status
  python serving/client.py sample --num 64 --temperature 0.7 --seed 7 --out grid.png
  python serving/client.py encode A.png B.png --out latents.npz
  python serving/client.py score A.png B.png --csv scores.csv
  python serving/client.py interpolate A.png B.png --steps 9 --out strip.png
"""


def main(argv: list[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    flags = client_parser().parse_args(argv)
    # gRPC's own log repeats what a server said of a connection, as it came.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # The protocol buffers bring all of TensorFlow, 3 seconds: after the flags were understood.
    with quiet_imports():
        from PIL.Image import DecompressionBombWarning

        from serving.client import GlowClient, ServingError, TlsConfig, commands
    # Pillow warns of pictures that are refused in a sentence.
    warnings.simplefilter("ignore", DecompressionBombWarning)
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
        say(f"error: {error}", sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def client_parser() -> argparse.ArgumentParser:
    """The parser; `command` is the name of a function in `serving.client.commands`."""
    parser = OneSentenceParser(
        prog="serving/client.py",
        description="Asks a served Glow for samples, latents and images (gRPC).",
        epilog=_EPILOG,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    server = _server_flags()

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, parents=[server])

    command = add("sample", "draw samples into a grid, or into a file each")
    command.add_argument("--num", type=_positive, default=16, help="samples (default 16)")
    command.add_argument("--temperature", type=float, default=0.7, help="default 0.7")
    command.add_argument("--seed", type=int, help="sample i has the seed SEED + i; random without")
    _labels(command)
    command.add_argument("--out_dir", type=Path, help="write DIR/seed_<seed>.png, not a grid")
    _picture(command, "samples.png")

    command = add("encode", "write the latents of image files, print their bits per dimension")
    _images(command)
    command.add_argument("--out", type=Path, default=Path("latents.npz"), metavar="NPZ")

    command = add("score", "print how odd image files are, by the detector of the export")
    _images(command)
    command.add_argument("--csv", type=Path, help="write every number too, a row a file")

    command = add("decode", "write the images of latents")
    command.add_argument("latents", type=Path, help="from `encode`: .npz with `latent`, or .npy")
    _labels(command)
    _picture(command, "decoded.png")

    command = add("reconstruct", "write images above what decode(encode(image)) gives back")
    _images(command)
    command.add_argument("--out", type=Path, default=Path("reconstructed.png"), metavar="PNG")

    command = add("interpolate", "write a strip of images between two, along a latent path")
    command.add_argument("first", type=Path)
    command.add_argument("second", type=Path)
    command.add_argument("--steps", type=_positive, default=9, help="images (default 9)")
    command.add_argument("--path", choices=["linear", "spherical"], default="linear")
    _fitting(command)
    _labels(command)
    command.add_argument("--out", type=Path, default=Path("interpolated.png"), metavar="PNG")

    add(
        "status",
        "print the versions' states; exit status 1 if none, or not --version, is available",
    )
    add("metadata", "print the version that answers and its signatures")
    return parser


def _server_flags() -> OneSentenceParser:
    flags = OneSentenceParser(add_help=False)
    group = flags.add_argument_group("server")
    group.add_argument("--server", default=DEFAULT_ADDRESS, metavar="HOST:PORT")
    group.add_argument("--model_name", default=DEFAULT_MODEL_NAME)
    which = group.add_mutually_exclusive_group()
    which.add_argument("--version", type=int, help="default: the latest")
    which.add_argument("--version_label", help="a label of the server's configuration")
    group.add_argument(
        "--timeout",
        type=float,
        default=DEFAULT_TIMEOUT,
        help=f"seconds a call (default {DEFAULT_TIMEOUT:g})",
    )
    group.add_argument(
        "--retries",
        type=int,
        default=MAX_RETRIES,
        help=f"while UNAVAILABLE or CANCELLED (default {MAX_RETRIES}, the most that gRPC allows)",
    )
    group.add_argument(
        "--batch_size",
        type=_positive,
        default=DEFAULT_BATCH_SIZE,
        help=f"rows a request, at most (default {DEFAULT_BATCH_SIZE})",
    )
    group.add_argument("--no_progress", action="store_true", help="draw no progress bar")
    tls = flags.add_argument_group("TLS (any of these switches it on)")
    tls.add_argument("--tls", action="store_true", help="trust the system's authorities")
    tls.add_argument("--ca_certificate", type=Path, metavar="PEM", help="trust this authority")
    tls.add_argument("--client_certificate", type=Path, metavar="PEM")
    tls.add_argument("--client_key", type=Path, metavar="PEM")
    tls.add_argument("--server_name", help="the name on the server's certificate")
    return flags


def _images(command: argparse.ArgumentParser) -> None:
    command.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    _fitting(command)
    _labels(command)


def _fitting(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--resize", action="store_true", help="fit images of other sizes, as training does"
    )
    command.add_argument(
        "--white",
        type=_positive,
        metavar="N",
        help="value of white in files of more than 8 bits that do not say it; default: training's",
    )


def _labels(command: argparse.ArgumentParser) -> None:
    text = "of a conditional model: one class for all, or one each, as 3,1,4"
    command.add_argument("--labels", type=_integers, help=text)


def _picture(command: argparse.ArgumentParser, default: str) -> None:
    command.add_argument("--columns", type=_positive, help="of the grid; square without")
    command.add_argument(
        "--out", type=Path, default=Path(default), metavar="PNG", help=f"default {default}"
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _integers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list as 3,1,4") from error
