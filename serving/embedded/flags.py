"""The embedded server's command line; the flags of `tensorflow_model_server` keep their names."""

import dataclasses
from pathlib import Path

from serving.embedded.config import BatchingConfig, ServerConfig
from tfglow.fields import field
from tfglow.flags import add_flags, given
from tfglow.one_sentence_parser import OneSentenceParser

_DESCRIPTION = """\
Serves an export over TF Serving's gRPC protocol, for trying a model out on any machine.
Production is TF Serving (serving/tf_serving), which serves the same folder as it is.
"""
_EPILOG = "example: python serving/server.py --model_base_path=exports/digits --port=8500"


@dataclasses.dataclass(frozen=True)
class _BatchingFlags:
    """What `tensorflow_model_server` has in place of a `BatchingConfig`."""

    enable_batching: bool = field(False, help="Runs requests that arrive together as one batch.")
    batching_parameters_file: Path | None = field(
        None, help="A text proto of TF Serving's BatchingParameters."
    )

    def config(self) -> BatchingConfig | None:
        """The configuration that they ask for.

        Raises:
          ValueError: If there is a file and no batching, or the file cannot be used.
        """
        if not self.enable_batching:
            if self.batching_parameters_file:
                raise ValueError("`--batching_parameters_file` needs `--enable_batching`.")
            return None
        if self.batching_parameters_file:
            return BatchingConfig.read(self.batching_parameters_file)
        return BatchingConfig()


def parse_server_flags(argv: list[str] | None = None) -> ServerConfig:
    """The configuration that the command line asks for; exits with a sentence if it cannot be."""
    parser = OneSentenceParser(
        prog="serving/server.py",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    add_flags(parser, ServerConfig, exclude=("batching",))
    add_flags(parser, _BatchingFlags)
    flags = parser.parse_args(argv)
    try:
        batching = _BatchingFlags(**given(flags, _BatchingFlags)).config()
        return ServerConfig(**given(flags, ServerConfig), batching=batching)
    except ValueError as error:
        parser.error(str(error))
