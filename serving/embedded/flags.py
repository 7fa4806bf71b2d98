"""The embedded server's command line; the flags of `tensorflow_model_server` keep their names."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from serving.embedded.config import BatchingConfig, ServerConfig

_DESCRIPTION = """\
Serves an export over TF Serving's gRPC protocol, for trying a model out on any machine.
Production is TF Serving (serving/tf_serving), which serves the same folder as it is.
"""
_EPILOG = "example: python serving/server.py --model_base_path=exports/digits --port=8500"


def parse_server_flags(argv: list[str] | None = None) -> ServerConfig:
    """The configuration that the command line asks for; exits with a sentence if it cannot be."""
    parser = _parser()
    flags = vars(parser.parse_args(argv))
    parameters_file = flags.pop("batching_parameters_file")
    enable_batching = flags.pop("enable_batching")
    try:
        if parameters_file and not enable_batching:
            raise ValueError("`--batching_parameters_file` needs `--enable_batching`")
        batching = None
        if enable_batching:
            batching = BatchingConfig.read(parameters_file) if parameters_file else BatchingConfig()
        return ServerConfig(**flags, batching=batching)
    except ValueError as error:
        parser.error(str(error))


def _parser() -> argparse.ArgumentParser:
    fields = dataclasses.fields(ServerConfig)
    defaults = {f.name: f.default for f in fields if f.default is not dataclasses.MISSING}
    parser = argparse.ArgumentParser(
        prog="serving/server.py",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def add(name: str, text: str, kind=str, **options) -> None:
        default = defaults.get(name)
        if default not in (None, ()):
            text += f" (default {default})"
        parser.add_argument(f"--{name}", type=kind, default=default, help=text, **options)

    add("model_base_path", "folder with a numbered folder a version", Path, required=True)
    add("model_name", "name that requests ask for")
    add("host", "interface to listen on; 0.0.0.0 for all")
    add("port", "gRPC port; 0 for a free one", int)
    add("metrics_port", "port of the Prometheus metrics; 0 for a free one, none by default", int)
    add("enable_batching", "run requests that arrive together as one batch", _bool, **_SWITCH)
    add("batching_parameters_file", "text proto of TF Serving's BatchingParameters", Path)
    add("max_request_rows", "rows in one request, at most", int)
    add("max_waiting_requests", "requests at the same time; further ones are UNAVAILABLE", int)
    add(
        "grpc_channel_arguments",
        "comma-separated, as in grpc.max_receive_message_length=1000000",
        _channel_arguments,
    )
    add("ssl_config_file", "text proto of TF Serving's SSLConfig; no TLS without it", Path)
    add("file_system_poll_wait_seconds", "between looks for new versions; 0: only one", float)
    add("max_num_load_retries", "how often a version that failed to load is tried again", int)
    add("load_retry_interval_micros", "time between those tries", int)
    add("enable_model_warmup", "replay the version's recorded requests first", _bool, **_SWITCH)
    add("tensorflow_intra_op_parallelism", "threads inside an operation; 0: automatic", int)
    add("tensorflow_inter_op_parallelism", "operations at the same time; 0: automatic", int)
    add("shutdown_grace_seconds", "how long requests may go on after SIGTERM", float)
    return parser


# `--flag`, `--flag=true` and `--flag=false`, as tensorflow_model_server takes them.
_SWITCH = {"nargs": "?", "const": True, "metavar": "BOOL"}


def _bool(text: str) -> bool:
    values = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in values:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return values[text.lower()]


def _channel_arguments(text: str) -> tuple[tuple[str, int | str], ...]:
    arguments = []
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise argparse.ArgumentTypeError(f"{part!r} is not KEY=VALUE")
        number = value.removeprefix("-").isdigit()
        arguments.append((key, int(value) if number else value))
    return tuple(arguments)
