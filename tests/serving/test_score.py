"""A detector behind a server: what the client, its command and REST say is what it says itself."""

import csv

import numpy as np
import pytest
from PIL import Image

from serving.client import GlowClient, InvalidRowError
from serving.client.cli import main
from tests.serving.rest_calls import RestCalls
from tests.serving.toy_glow import IMAGE_SHAPE

pytestmark = pytest.mark.slow

LABELS = [2, 0, 1]


@pytest.fixture(scope="module")
def images():
    images = np.random.default_rng(1).integers(90, 160, (3, *IMAGE_SHAPE)).astype(np.uint8)
    images[2] = 255  # Odd.
    return images


@pytest.fixture(scope="module")
def expected(detector, images):
    return detector.score(images, LABELS)


def assert_same(answer, expected):
    assert set(answer) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(answer[name], values, rtol=1e-4, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("batch_size", [1, 64])
def test_the_client(scored_server, images, expected, batch_size):
    with GlowClient(scored_server.address, batch_size=batch_size) as client:
        answer = client.score(images, LABELS)
        assert_same(answer, expected)
        assert {name: value.dtype for name, value in answer.items()} == {
            name: value.dtype for name, value in expected.items()
        }
        assert answer["p_value"][2] == 1 / 31
        with pytest.raises(InvalidRowError, match="row 1: `label` = 3"):
            client.score(images, [0, 3, 0])
        levels = client.encode(images, LABELS).bits_per_level
        assert levels.shape == (3, 1)


def test_without_a_detector(client, images):
    with pytest.raises(ValueError, match=r"has no `score`: .* without a detector \(export/main"):
        client.score(images)


def test_rest(scored_server, images, expected):
    rest = RestCalls(scored_server.rest_address)
    rows = [{"image": i.tolist(), "label": n} for i, n in zip(images, LABELS, strict=True)]
    answers = rest.rows("score", rows)
    assert all(answer.pop("valid") for answer in answers)
    assert_same({name: [answer[name] for answer in answers] for name in answers[0]}, expected)
    columns = rest.columns("score", {"image": images.tolist(), "label": LABELS})
    del columns["valid"]
    assert_same(columns, expected)


@pytest.fixture
def run(scored_server, images, monkeypatch, tmp_path, capsys):
    """Runs `score` in a folder with a file an image; its exit status and what it printed."""
    monkeypatch.chdir(tmp_path)
    for name, image in zip(NAMES, images, strict=True):
        Image.fromarray(image).save(name)

    def run(*arguments, address=scored_server.address):
        status = main(["score", *NAMES, *arguments, f"--server={address}"])
        return status, *capsys.readouterr()

    return run


NAMES = ["a.png", "b, c.png", "\udcff.png"]


def read_csv(path):
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def test_the_command_writes_every_number(run, expected, tmp_path):
    # Of one draw there is none.
    expected = {name: v for name, v in expected.items() if name != "bits_per_dim_error"}
    status, out, err = run("--labels=2,0,1", "--csv=scores.csv")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    scores = ["bits_minus_complexity", "bits_per_dim", "complexity_png", "density", "typicality"]
    assert lines[0].split() == [*scores, "p_value"]
    numbers = lines[2].removeprefix("b, c.png").split()
    values = [expected[name][1] for name in (*scores, "p_value")]
    np.testing.assert_allclose(np.array(numbers, float), values, rtol=1e-3, atol=1e-3)
    assert lines[3].startswith(r"\udcff.png") and lines[3].endswith("  0.032258")
    assert lines[4] == f"scores.csv: {len(expected)} numbers of each of 3 images"
    rows = read_csv(tmp_path / "scores.csv")
    assert [row.pop("path") for row in rows] == NAMES
    assert [row.pop("label") for row in rows] == ["2", "0", "1"]
    assert_same({name: [float(row[name]) for row in rows] for name in rows[0]}, expected)


def test_the_command_without_a_file(run, tmp_path):
    before = sorted(tmp_path.iterdir())
    status, out, _ = run("--labels=0")
    assert status == 0 and len(out.splitlines()) == 4
    assert sorted(tmp_path.iterdir()) == before


def test_rows_without_numbers(run, tmp_path):
    status, out, err = run("--labels=0,7,1", "--csv=scores.csv")
    assert status == 1 and err.count("\n") == 1
    assert err.startswith("1 of 3 images have no numbers, the first is b, c.png: their likelihood ")
    assert out.splitlines()[2].removeprefix("b, c.png").split() == ["-"] * 6
    rows = read_csv(tmp_path / "scores.csv")
    assert {value for name, value in rows[1].items() if name not in ("path", "label")} == {""}
    assert rows[1]["label"] == "7" and float(rows[2]["p_value"]) == 1 / 31


def test_the_command_refuses_in_one_sentence(run, server, tmp_path):
    before = sorted(tmp_path.iterdir())
    for arguments, address, message in (
        (["--csv=none/scores.csv"], None, "the folder of none/scores.csv does not exist"),
        (["--csv=gs://bucket/scores.csv"], None, "The file to write must be a local path"),
        ([], None, "the model is conditional: it needs labels"),
        ([], server.address, "the model 'glow' has no `score`: it was exported without a detector"),
    ):
        status, out, err = run(*arguments, **({"address": address} if address else {}))
        assert status == 1 and not out and err.startswith(f"error: {message}")
        assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
