"""The client's command line; importing it does not import TensorFlow's protocol buffers."""

from __future__ import annotations

import argparse
from pathlib import Path

_EPILOG = """\
examples:
  python serving/client.py status
  python serving/client.py sample --num 64 --temperature 0.7 --seed 7 --out grid.png
  python serving/client.py encode A.png B.png --out latents.npz
  python serving/client.py interpolate A.png B.png --steps 9 --out strip.png
"""


def client_parser() -> argparse.ArgumentParser:
    """The parser; `command` names a function of `serving.remote.commands`."""
    parser = argparse.ArgumentParser(
        prog="serving/client.py",
        description="Asks a served Glow for samples, latents and images (gRPC).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
    command.add_argument("--resize", action="store_true", help="fit images of other sizes")
    _labels(command)
    command.add_argument("--out", type=Path, default=Path("interpolated.png"), metavar="PNG")

    add("status", "print the versions' states; exit status 1 if none is available")
    add("metadata", "print the version that answers and its signatures")
    return parser


def _server_flags() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(add_help=False)
    group = flags.add_argument_group("server")
    group.add_argument("--server", default="localhost:8500", metavar="HOST:PORT")
    group.add_argument("--model_name", default="glow")
    which = group.add_mutually_exclusive_group()
    which.add_argument("--version", type=int, help="default: the latest")
    which.add_argument("--version_label", help="a label of the server's configuration")
    group.add_argument("--timeout", type=float, default=60.0, help="seconds a call (default 60)")
    group.add_argument("--retries", type=int, default=4, help="while UNAVAILABLE (default 4)")
    group.add_argument("--batch_size", type=_positive, default=64, help="rows a request, at most")
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
    command.add_argument("--resize", action="store_true", help="fit images of other sizes")
    _labels(command)


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
