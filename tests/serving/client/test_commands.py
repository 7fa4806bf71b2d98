"""What the command says when something is wrong; what it does when nothing is: test_any_server."""

import types

import numpy as np
import pytest
from PIL import Image

from serving.client import Encoding, commands
from serving.client.cli import client_parser, main
from tfglow.pictures.preparation import Preparation


@pytest.fixture
def run(server, monkeypatch, tmp_path, capsys):
    """Runs a command in an empty folder; returns its exit status and what it printed."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (4, 4), "red").save("small.png")
    Image.new("RGB", (40, 30), "red").save("large.png")
    np.savez("wrong.npz", latent=np.zeros((1, 3), np.float32))

    def run(*arguments, address=server.address):
        status = main([*arguments, "--server", address])
        return status, *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sample", "--temperature=-1"], "row 0: `temperature` = -1.0, which is negative"),
        (["sample", "--temperature=nan"], "row 0: `temperature` = nan"),
        (["sample", "--labels=1"], "the model is not conditional"),
        (["sample", "--seed=9223372036854775807"], "64-bit"),
        (["sample", "--out=grid.txt"], "grid.txt does not end in an image format's name"),
        (["sample", "--out=none/grid.png"], "the folder of none/grid.png does not exist"),
        (["sample", "--model_name=other"], "NOT_FOUND: Servable not found"),
        (["sample", "--version=7"], "Specific(glow, 7)"),
        (["sample", "--ca_certificate=none.pem"], "cannot read none.pem"),
        (["sample", "--retries=9"], "must be between 0 and 4, got 9"),
        (["sample", "--timeout=0"], "`timeout` must be more than 0, got 0"),
        (["encode", "none.png"], "cannot read none.png as an image"),
        (["encode", "large.png"], "large.png is 40x30, the model's images are 4x4"),
        (["encode", "small.png", "--out=none/a.npz"], "does not exist"),
        (["decode", "small.png"], "cannot read small.png as .npz or .npy"),
        (["decode", "wrong.npz"], "`latent` must be float [N, 48], got float32 [1, 3]"),
        (["interpolate", "small.png", "none.png"], "cannot read none.png"),
        (["interpolate", "small.png", "small.png", "--steps=1"], "at least 2"),
        (["status", "--model_name=other"], "Could not find any versions of model other"),
    ],
)
def test_errors_are_one_sentence(run, arguments, message, tmp_path):
    before = sorted(tmp_path.iterdir())
    status, out, err = run(*arguments)
    assert status == 1 and not out
    assert err.startswith("error: ") and message in err and err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [[], ["paint"], ["sample", "--num=0"], ["sample", "--num=x"], ["sample", "--labels=a"],
     ["encode"], ["sample", "--version=1", "--version_label=x"]],
)  # fmt: skip
def test_usage_errors(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("serving/client.py")


def test_the_same_seed_is_the_same_picture(run, tmp_path):
    for name in ("a", "b"):
        run("sample", "--num=9", "--seed=5", f"--out={name}.png")
    run("sample", "--num=9", "--seed=6", "--out=c.png")
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c


def test_without_a_seed_the_drawn_one_is_printed(run):
    first, second = run("sample")[1], run("sample")[1]
    assert "seeds " in first and first != second


def test_resize(run):
    assert run("reconstruct", "large.png", "small.png", "--resize")[0] == 0
    assert run("interpolate", "large.png", "small.png", "--resize")[0] == 0


def test_status_fails_without_an_available_version(run, serve, tmp_path):
    base = tmp_path / "base"
    (base / "1").mkdir(parents=True)
    status, out, _ = run("status", address=serve(base).address)
    assert status == 1 and out.startswith("version 1: END: version 1 in ")


def test_status_fails_without_the_version_that_is_asked(run):
    assert run("status", "--version=1")[:2] == (0, "version 1: AVAILABLE\n")
    status, out, _ = run("status", "--version=99")
    assert status == 1 and out == "version 1: AVAILABLE\nversion 99: not on this server\n"
    status, out, err = run("status", "--version_label=x")
    assert status == 1 and not out and "Unrecognized servable version label: x" in err


def test_a_model_whose_images_no_file_holds(run, serve, five_channel_base, tmp_path):
    address = serve(five_channel_base).address
    np.savez("latents.npz", latent=np.zeros((1, 80), np.float32))
    before = sorted(tmp_path.iterdir())
    sentences = {
        ("sample", "--out_dir=samples"): "error: the model 'glow' has no `sample_png`: a PNG holds",
        ("sample",): "error: an image file holds 1 to 4 channels, the model's images have 5",
        ("decode", "latents.npz"): "error: an image file holds 1 to 4 channels",
        ("encode", "small.png"): "error: an image file holds 1 to 4 channels",
    }
    for arguments, sentence in sentences.items():
        status, out, err = run(*arguments, address=address)
        assert status == 1 and not out and err.startswith(sentence) and err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
    assert run("status", address=address)[:2] == (0, "version 1: AVAILABLE\n")
    assert "-> image: uint8 [N, 4, 4, 5]" in run("metadata", address=address)[1]


def test_labels_travel_with_latents(run, conditional_server, tmp_path):
    address = conditional_server.address
    assert run("encode", "small.png", "small.png", "--labels=1,2", address=address)[0] == 0
    with np.load("latents.npz") as saved:
        assert saved["label"].tolist() == [1, 2]
        assert not np.array_equal(*saved["latent"])
    run("decode", "latents.npz", "--columns=2", address=address)
    with Image.open("decoded.png") as picture:
        # A frame of two white pixels is around and between the two images.
        assert picture.size == (14, 8)
        assert picture.getpixel((2, 2)) == picture.getpixel((8, 2)) == (255, 0, 0)
    error = run("decode", "latents.npz", "--labels=7", address=address)[2]
    assert "row 0: `label` = 7" in error
    assert "needs labels" in run("sample", address=address)[2]


def test_images_that_are_not_there_are_crossed_out(run, conditional_server, tmp_path):
    address = conditional_server.address
    status, out, _ = run("sample", "--num=3", "--labels=0,7,2", address=address)
    assert status == 1
    assert "1 of 3 images are crossed out, the first is number 1: the flow's inverse" in out
    # Two columns; an image is enlarged to 48 pixels, and a gap has two.
    picture = np.asarray(Image.open(tmp_path / "samples.png"))
    assert (picture[26, 54] == 128).all() and not (picture[26, 2:50] == 128).all()
    latents = np.zeros((2, 48), np.float32)
    latents[1, 3] = np.nan
    np.savez("some.npz", latent=latents, label=[1, 1])
    status, out, _ = run("decode", "some.npz", "--columns=2", address=address)
    assert status == 1 and "1 of 2 images are crossed out, the first is number 1: " in out
    assert (np.asarray(Image.open(tmp_path / "decoded.png"))[3, 8] == 128).all()


class FiveBits:
    """A client of a model of 5 bits and 4 x 4 pixels, which says so or does not."""

    def __init__(self, says_so, wrong=0):
        self._says_so = says_so
        self._wrong = wrong

    def metadata(self):
        return types.SimpleNamespace(image_shape=(4, 4, 3))

    def preparation(self):
        return Preparation((4, 4, 3), "center_crop", num_bits=5) if self._says_so else None

    def reconstruct(self, images, labels):
        return images // 8 * 8 ^ np.uint8(self._wrong)


@pytest.mark.parametrize("says_so", [True, False])
@pytest.mark.parametrize(("wrong", "status"), [(0, 0), (8, 1)])
def test_reconstruct_compares_at_the_models_bits(
    says_so, wrong, status, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5
    Image.fromarray(pixels).save("a.png")
    flags = client_parser().parse_args(["reconstruct", "a.png"])
    assert commands.reconstruct(FiveBits(says_so, wrong), flags) == status
    out = capsys.readouterr().out
    assert f"{1 - status} of 1 image came back exactly in the 5 bits that the model has" in out
    assert f"largest difference is {wrong} of 255" in out


def test_a_picture_is_made_as_the_model_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.arange(96, dtype=np.uint8).reshape(4, 8, 3)).save("wide.png")
    sent = []
    client = FiveBits(True)
    client.encode = lambda images, labels: (
        sent.append(images) or Encoding(np.zeros((1, 48)), np.zeros(1), np.zeros(1))
    )
    flags = client_parser().parse_args(["encode", "wide.png", "--resize"])
    assert commands.encode(client, flags) == 0
    middle = np.arange(96, dtype=np.uint8).reshape(4, 8, 3)[:, 2:6]
    np.testing.assert_array_equal(sent[0][0], middle)


def test_white_of_a_scan_that_does_not_say_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scan = np.linspace(0, 4095, 16).astype(np.uint16).reshape(4, 4)
    Image.fromarray(scan).save("scan.png")
    sent = []
    client = FiveBits(True)
    client.encode = lambda images, labels: (
        sent.append(images) or Encoding(np.zeros((1, 48)), np.zeros(1), np.zeros(1))
    )
    parse = client_parser().parse_args
    with pytest.raises(ValueError, match="--white=VALUE says it"):
        commands.encode(client, parse(["encode", "scan.png"]))
    assert commands.encode(client, parse(["encode", "scan.png", "--white=4095"])) == 0
    grey = np.rint(scan / 4095 * 255).astype(int)
    np.testing.assert_allclose(sent[0][0].astype(int), grey[..., np.newaxis].repeat(3, -1), atol=1)


def test_a_model_that_does_not_say_how_is_noted(run):
    assert "does not say how its images were fitted" in run("encode", "large.png", "--resize")[2]
    assert run("encode", "small.png")[2] == ""


def test_several_frames_are_said(run):
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    frames[0].save("a.gif", save_all=True, append_images=frames[1:])
    status, _, err = run("encode", "a.gif", "small.png")
    assert (status, err) == (0, "Of several frames or pages the first is taken: a.gif.\n")


def test_all_files_that_cannot_be_read_are_named(run):
    error = run("encode", "none.png", "small.png", "wrong.npz", "large.png")[2]
    assert "cannot read none.png" in error and "cannot read wrong.npz" in error
    assert "large.png is 40x30" in error and error.count("\n") == 1
