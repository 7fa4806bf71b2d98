"""`python export/main.py --run_dir=RUN --export_dir=BASE`: publishes a run's model."""

import argparse
import signal
import sys
from pathlib import Path

from export.file_formats import FILE_FORMATS
from export.request import NETWORK_PRECISIONS, check_request
from tfglow import tensorflow_log
from tfglow.one_sentence_parser import OneSentenceParser

_DESCRIPTION = """\
Publishes a run's model as BASE/<version>/, a SavedModel that TF Serving serves as it is, or files
for other runtimes.
"""
_EPILOG = "example: python export/main.py --run_dir=runs/fashion --export_dir=exports/fashion"


def main(argv: list[str] | None = None) -> int:
    """Exports, says where, and returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        check_request(
            args.run_dir,
            args.export_dir,
            version=args.version,
            precision=args.precision,
            file_format=args.file_format,
            detector=args.detector,
        )
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    # It takes seconds: what can be refused was.
    tensorflow_log.start_tensorflow()
    from export.exporting import export_run

    # An export that is asked to stop removes what it has written, as one that fails does.
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        export = export_run(**vars(args))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; nothing was published", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGTERM, previous)
    weights = f"the {export.source['weights']} weights of step {export.source['step']}"
    if export.bits_per_dim is not None:
        weights += f" ({export.bits_per_dim:.3f} bits per dimension in the run's evaluation)"
    print(f"Published {export.path}: {weights}. Signatures: {', '.join(export.signatures)}.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = OneSentenceParser(
        prog="export/main.py",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.add_argument("--run_dir", type=Path, required=True, help="the run's folder")
    parser.add_argument(
        "--export_dir", type=Path, required=True, help="folder with a numbered folder a version"
    )
    parser.add_argument(
        "--raw_weights",
        action="store_true",
        help="the weights themselves (default: their moving average)",
    )
    parser.add_argument(
        "--checkpoint",
        choices=("best", "latest"),
        help="(default: the best by evaluation, or where none was evaluated the latest)",
    )
    parser.add_argument("--version", type=int, help="(default: one more than the highest there)")
    parser.add_argument(
        "--precision",
        choices=NETWORK_PRECISIONS,
        default="float32",
        help="mixed_bfloat16: convolutions of the coupling networks in bfloat16 (default float32)",
    )
    parser.add_argument(
        "--format",
        dest="file_format",
        choices=tuple(FILE_FORMATS),
        default="saved_model",
        help="onnx, litert: encode and decode for other runtimes, which draw the noise themselves "
        "(default saved_model)",
    )
    parser.add_argument(
        "--detector",
        type=Path,
        metavar="FILE",
        help="a detector.json that was fitted with these weights, for the signature score",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
