"""The client against each kind of server, whatever model it serves."""

import io

import numpy as np
import pytest
from PIL import Image

from serving.client import GlowClient, InvalidRowError
from serving.client.cli import main

pytestmark = pytest.mark.slow


@pytest.fixture
def model(any_client):
    return any_client.metadata()


@pytest.fixture
def label(model):
    """A label that the model needs, or None."""
    return 0 if model.is_conditional else None


@pytest.fixture
def images(model):
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (5, *model.image_shape), dtype=np.uint8)


def test_status_and_metadata(any_client, model):
    assert any(state.state == "AVAILABLE" for state in any_client.status())
    assert model.version in [state.version for state in any_client.status()]
    assert {"encode", "decode", "sample", "sample_png"} <= set(model.signatures)
    assert np.prod(model.image_shape) == model.dimensions


def test_every_byte_comes_back(any_client, images, label):
    np.testing.assert_array_equal(any_client.reconstruct(images, label), images)


def test_encode_answers_what_the_contract_lists(any_client, model, images, label):
    encoding = any_client.encode(images, label)
    assert encoding.latent.shape == (5, model.dimensions)
    assert encoding.latent.dtype == np.float32
    expected = -encoding.log_prob / (model.dimensions * np.log(2))
    np.testing.assert_allclose(encoding.bits_per_dim, expected, rtol=1e-5)
    # The toys have none, as exports of older versions.
    assert (encoding.bits_per_level is None) == (
        "bits_per_level" not in model.signatures["encode"].outputs
    )
    if encoding.bits_per_level is not None:
        levels = encoding.bits_per_level.sum(axis=1)
        np.testing.assert_allclose(levels, encoding.bits_per_dim, rtol=1e-5)


def test_a_seed_is_the_same_image_alone_and_in_any_batch(any_address, model, label):
    with GlowClient(any_address, batch_size=7) as small, GlowClient(any_address) as large:
        together = large.sample(64, 0.7, label, seed=100)
        in_pieces = small.sample(64, 0.7, label, seed=100)
        alone = small.sample(1, 0.7, label, seed=117)
    # One level of float rounding is allowed by the contract.
    assert np.abs(together.astype(int) - in_pieces).max() <= 1
    assert np.abs(together[17].astype(int) - alone[0]).max() <= 1
    assert len(np.unique(together.reshape(64, -1), axis=0)) > 1


def test_a_seeds_latent_is_the_same_bit_for_bit(any_client, label):
    seeds = np.arange(-2, 7)
    temperatures = np.full(9, 0.5)
    request = {"seed": seeds, "temperature": temperatures}
    latent = any_client.predict("sample", request, label)["latent"]
    for row in (0, 5):
        part = {name: value[row : row + 1] for name, value in request.items()}
        alone = any_client.predict("sample", part, label)["latent"]
        np.testing.assert_array_equal(latent[row], alone[0])


def test_pngs_are_the_samples(any_client, label, tmp_path):
    images = any_client.sample(3, 0.7, label, seed=5)
    for number, png in enumerate(any_client.sample_png(3, 0.7, label, seed=5)):
        path = tmp_path / f"{number}.png"
        path.write_bytes(png)
        with Image.open(path) as opened:
            decoded = np.asarray(opened).reshape(images[number].shape)
        assert np.abs(decoded.astype(int) - images[number]).max() <= 1


def test_zero_temperature_is_the_mode(any_client, label):
    images = any_client.sample(3, 0.0, label, seed=5)
    assert np.abs(images.astype(int) - images[:1]).max() <= 1


@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_an_interpolation_ends_at_its_images(any_client, images, label, path):
    strip = any_client.interpolate(images[0], images[1], 5, label, path)
    assert len(strip) == 5
    np.testing.assert_array_equal(strip[[0, -1]], images[:2])


@pytest.mark.parametrize("temperature", [-1.0, np.nan, np.inf])
def test_a_bad_row_is_named_in_the_callers_own_numbers(any_address, label, temperature):
    temperatures = np.full(20, 0.7)
    temperatures[13] = temperature
    with (
        GlowClient(any_address, batch_size=4) as client,
        pytest.raises(InvalidRowError, match="row 13: `temperature`") as caught,
    ):
        client.sample(20, temperatures, label, seed=0)
    assert caught.value.row == 13


def test_a_latent_that_is_not_finite_is_named(any_client, model, label):
    latents = np.zeros((3, model.dimensions), np.float32)
    latents[2, 7] = np.inf
    with pytest.raises(InvalidRowError, match=r"row 2: `latent`\[7\] = inf"):
        any_client.decode(latents, label)


def test_a_label_out_of_range_is_named(any_client, model, images):
    if not model.is_conditional:
        pytest.skip("the model is not conditional")
    with pytest.raises(InvalidRowError, match="row 3: `label` = -1"):
        any_client.encode(images, [0, 0, 0, -1, 0])


def test_files_are_encoded_as_their_pixels(any_client, model, images, label):
    if model.image_shape[-1] not in (1, 3) or "encode_bytes" not in model.signatures:
        pytest.skip("the model takes no files")
    files = []
    for image in images:
        content = io.BytesIO()
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(content, "PNG")
        files.append(content.getvalue())
    answer = any_client.predict("encode_bytes", {"image_bytes": files}, label)
    np.testing.assert_allclose(answer["latent"], any_client.encode(images, label).latent, atol=1e-4)
    with pytest.raises(InvalidRowError, match=r"row 3: .*`image_bytes`, which is no picture"):
        any_client.predict("encode_bytes", {"image_bytes": [*files[:3], b"text"]}, label)


def test_the_model_says_how_its_pictures_are_made(any_client, model):
    made = any_client.preparation()
    if made is None:
        assert "preparation" not in model.signatures
    else:
        assert made.image_shape == model.image_shape


def test_from_the_command_line(any_address, label, tmp_path, capsys):
    def run(*arguments) -> str:
        labels = [] if label is None or arguments[0] in ("status", "metadata") else ["--labels=0"]
        assert main([*map(str, arguments), "--server", any_address, *labels]) == 0
        return capsys.readouterr().out

    assert "AVAILABLE" in run("status")
    assert "-> image: uint8" in run("metadata")
    grid = tmp_path / "grid.png"
    out = run("sample", "--num=64", "--temperature=0.7", "--seed=3", "--out", grid)
    assert "64 samples, seeds 3 to 66" in out and grid.exists()
    run("sample", "--num=2", "--seed=3", "--out_dir", tmp_path / "samples")
    files = [tmp_path / "samples" / f"seed_{seed}.png" for seed in (3, 4)]
    latents = tmp_path / "latents.npz"
    assert "bits/dim" in run("encode", *files, "--out", latents)
    run("decode", latents, "--out", tmp_path / "decoded.png")
    out = run("reconstruct", *files, "--out", tmp_path / "back.png")
    assert "2 of 2 images came back exactly" in out
    run("interpolate", *files, "--steps=5", "--out", tmp_path / "strip.png")
    assert {path.name for path in tmp_path.iterdir()} == {
        "grid.png", "samples", "latents.npz", "decoded.png", "back.png", "strip.png"
    }  # fmt: skip
