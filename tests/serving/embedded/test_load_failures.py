"""Damaged versions are told apart, each in one sentence."""

import os
import shutil

import pytest
import tensorflow as tf
from grpc import StatusCode
from tensorflow.core.protobuf import saved_model_pb2

from serving.embedded.load_failures import reason
from serving.embedded.request_checks import RequestError
from serving.embedded.servable import Servable
from tests.serving.toy_glow import ToyGlow

GRAPH = "saved_model.pb"
INDEX, DATA = "variables/variables.index", "variables/variables.data-00000-of-00001"
DAMAGED = "its weights (variables/variables.*) are damaged"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return ToyGlow(work=1).save(tmp_path_factory.mktemp("whole"), 1)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A version whose weights have other names."""
    return ToyGlow((2, 2, 1)).save(tmp_path_factory.mktemp("other"), 1)


def cut(name, part):
    def spoil(folder):
        path = folder / name
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * part)])

    return spoil


def flip(name, place):
    def spoil(folder):
        path = folder / name
        content = bytearray(path.read_bytes())
        content[int(len(content) * place)] ^= 0x10
        path.write_bytes(content)

    return spoil


def without_a_node(folder):
    path = folder / GRAPH
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    del model.meta_graphs[0].graph_def.node[0]
    path.write_bytes(model.SerializeToString())


def remove(name):
    return lambda folder: (folder / name).unlink()


def write(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def pipe(name):
    def spoil(folder):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        os.mkfifo(path)

    return spoil


def folder_in_place(name):
    def spoil(folder):
        (folder / name).unlink()
        (folder / name).mkdir()

    return spoil


@pytest.mark.parametrize(
    ("spoil", "code", "message"),
    [
        (remove(GRAPH), "NOT_FOUND", "it has no saved_model.pb"),
        (write(GRAPH, b""), "DATA_LOSS", "its graph (saved_model.pb) is damaged, or not for"),
        (cut(GRAPH, 0.5), "DATA_LOSS", "its graph (saved_model.pb) is damaged: it cannot be"),
        (cut(GRAPH, 0.99), "DATA_LOSS", "its graph (saved_model.pb) is damaged: it cannot be"),
        (write(GRAPH, b"text"), "DATA_LOSS", "its graph (saved_model.pb) is damaged: it cannot"),
        (without_a_node, "UNKNOWN", "its graph (saved_model.pb) cannot be built: Node "),
        (folder_in_place(GRAPH), "NOT_FOUND", "its saved_model.pb cannot be read: Is a directory"),
        (remove(INDEX), "NOT_FOUND", f"its weights are not all there: it has no {INDEX}"),
        (write(INDEX, b""), "DATA_LOSS", f"{DAMAGED}: file is too short"),
        (write(INDEX, bytes(1000)), "DATA_LOSS", f"{DAMAGED}: not an sstable"),
        (cut(INDEX, 0.5), "DATA_LOSS", f"{DAMAGED}: not an sstable"),
        (flip(INDEX, 0.3), "DATA_LOSS", f"{DAMAGED}: Unable to read file"),
        (folder_in_place(INDEX), "DATA_LOSS", DAMAGED),
        (remove(DATA), "NOT_FOUND", "its weights are not all there: it has no variables/"),
        (write(DATA, b""), "DATA_LOSS", f"{DAMAGED} at '"),
        (write(DATA, bytes(2**21)), "DATA_LOSS", f"{DAMAGED} at 'mixer"),
        (cut(DATA, 0.5), "DATA_LOSS", f"{DAMAGED} at 'mixer"),
        (cut(DATA, 0.999), "DATA_LOSS", f"{DAMAGED} at 'mixer"),
        (flip(DATA, 0.0), "DATA_LOSS", f"{DAMAGED} at 'tint"),
        (flip(DATA, 0.5), "DATA_LOSS", f"{DAMAGED} at 'mixer"),
        (flip(DATA, 0.9), "DATA_LOSS", "Checksum does not match"),
        (folder_in_place(DATA), "DATA_LOSS", DAMAGED),
        (lambda folder: shutil.rmtree(folder / "variables"), "NOT_FOUND", f"has no {INDEX}"),
        (pipe(GRAPH), "FAILED_PRECONDITION", f"`{GRAPH}` is not a file"),
        (pipe(INDEX), "FAILED_PRECONDITION", f"`{INDEX}` is not a file"),
        (pipe(DATA), "FAILED_PRECONDITION", f"`{DATA}` is not a file"),
        (pipe("assets/words.txt"), "FAILED_PRECONDITION", "`assets/words.txt` is not a file"),
    ],
)
def test_damage_is_named(whole, tmp_path, spoil, code, message):
    folder = tmp_path / "1"
    shutil.copytree(whole, folder)
    spoil(folder)
    with pytest.raises(RequestError) as caught:
        Servable(1, folder, tf.compat.v1.ConfigProto())
    assert caught.value.code is StatusCode[code]
    assert message in caught.value.message and "\n" not in caught.value.message


def test_weights_of_another_model(whole, other, tmp_path):
    folder = tmp_path / "1"
    shutil.copytree(whole, folder)
    for name in (INDEX, DATA):
        shutil.copy(other / name, folder / name)
    with pytest.raises(RequestError, match=r"are not those of its graph: .*mixer"):
        Servable(1, folder, tf.compat.v1.ConfigProto())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            tf.errors.DataLossError(None, None, "Graph execution error:\n\nbad\n\t [[{{node R}}]]"),
            "bad",
        ),
        (OSError(2, "No such file or directory"), "[Errno 2] No such file or directory"),
        (KeyError("x"), "KeyError: 'x'"),
        (MemoryError(), "MemoryError"),
        (ValueError("one\ntwo"), "one"),
    ],
)
def test_reasons_are_one_line(error, words):
    assert reason(error) == words
