"""Errors of a command line are one sentence; what commands say is in `test_light_commands.py`."""

import pytest

from tfglow.one_sentence_parser import OneSentenceParser


def parser():
    result = OneSentenceParser(prog="it", description="What it does.", epilog="example: it run\n")
    result.add_argument("--port", type=int)
    run = result.add_subparsers(dest="command").add_parser("run")
    run.add_argument("--temperature", type=float)
    return result


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port=x"], "it: argument --port: invalid int value: 'x'"),
        (["--prt=1"], "it: Unknown flag '--prt'; did you mean --port?"),
        (["--por=1"], "it: Unknown flag '--por'; did you mean --port?"),
        (["run", "--temprature=1"], "it: Unknown flag '--temprature'; did you mean --temperature?"),
        (["run", "here"], "it: Unknown argument 'here'; known are --help, --port, "),
        (["run", "--temperature=x"], "it run: argument --temperature: invalid float value: 'x'"),
    ],
)
def test_an_error_is_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        parser().parse_args(arguments)
    [line] = capsys.readouterr().err.splitlines()
    assert end.value.code == 2 and line.startswith(message)


def test_help_ends_with_the_example_and_tensorflow_s_log():
    lines = parser().format_help().splitlines()
    start = lines.index("example: it run")
    assert lines[start + 1] == "" and "TF_CPP_MIN_LOG_LEVEL=0" in " ".join(lines[start + 2 :])
