"""Samples at several temperatures, and their likelihoods."""

import json

import numpy as np
import pytest
import tensorflow as tf

from train.experiments import temperature

pytestmark = pytest.mark.slow


def test_the_same_seeds_at_every_temperature(run):
    glow = run.glow
    results = temperature.sample_at_temperatures(glow, 70, [0.0, 0.5, 1.0], seed=3)
    assert [r.temperature for r in results] == [0.0, 0.5, 1.0]
    # At T = 0 all samples are the decoded zero.
    np.testing.assert_array_equal(
        results[0].images, np.repeat(glow.decode(tf.zeros([1, 64])), 70, axis=0)
    )
    for result in results[1:]:
        expected = glow.sample(70, result.temperature, seed=3).numpy()
        assert np.abs(expected.astype(int) - result.images).max() <= 1


def test_likelihoods_are_the_models(run):
    [result] = temperature.sample_at_temperatures(run.glow, 20, [0.7], seed=1)
    noise = tf.random.experimental.stateless_fold_in([1, 0], 0)
    noise = tf.random.stateless_uniform(result.images.shape, noise)
    log_prob = run.glow.log_prob(result.images, noise=noise).numpy()
    np.testing.assert_allclose(result.log_prob, log_prob.mean(), rtol=1e-5)
    np.testing.assert_allclose(result.bits_per_dim, -log_prob.mean() / (64 * np.log(2)), rtol=1e-5)


def test_lower_temperatures_are_more_likely(run):
    results = temperature.sample_at_temperatures(run.glow, 64, temperature.TEMPERATURES)
    bits = [r.bits_per_dim for r in results]
    assert bits == sorted(bits)
    assert bits[-1] - bits[0] > 0.1


def test_the_command_writes_the_picture_and_the_numbers(run, tmp_path, capsys):
    temperature.main(
        [
            f"--run_dir={run.folder.path}",
            "--temperatures=0,1",
            "--samples=8",
            "--columns=3",
            f"--output={tmp_path / 't.png'}",
            f"--json={tmp_path / 't.json'}",
        ]
    )
    picture = tf.io.decode_png(tf.io.read_file(str(tmp_path / "t.png")))
    height, width, _ = picture.shape
    assert height == 2 * 50 + 2 and width > 3 * 50 + 2  # The temperatures stand to the left.
    images = run.glow.sample(8, 1.0, seed=0).numpy()
    np.testing.assert_array_equal(picture[52:100:6, -150:-102:6], images[0])
    values = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    assert [value["temperature"] for value in values] == [0.0, 1.0]
    assert [value["valid"] for value in values] == [8, 8]
    table = capsys.readouterr().out
    assert f"| 1 | {values[1]['log_prob']:.1f} | {values[1]['bits_per_dim']:.3f} ±" in table


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--temperatures=0,-1"], "`temperature` must be finite and >= 0, got -1.0"),
        (["--samples=4"], "`columns` must be from 1 to the 4 samples, got 10"),
        (["--samples=0", "--columns=0"], "`samples` must be at least 1, got 0"),
        (["--json=a.txt"], "'a.txt' must end in .json"),
        (["--json=nowhere/a.json"], "The folder of 'nowhere/a.json' does not exist"),
    ],
)
def test_the_command_refuses_in_one_sentence(run, tmp_path, arguments, sentence):
    output = tmp_path / "t.png"
    with pytest.raises(SystemExit) as exit_:
        temperature.main([f"--run_dir={run.folder.path}", f"--output={output}", *arguments])
    assert str(exit_.value).startswith("train/experiments/temperature.py: ")
    assert sentence in str(exit_.value)
    assert not output.exists()


def test_says_when_samples_are_lost(run):
    said = []
    results = temperature.sample_at_temperatures(run.glow, 2, [1.0, 1e35], report=said.append)
    assert len(said) == 1
    assert said[0].startswith("2 of 2 samples at temperature 1e+35 are crossed out")
    assert [result.valid.tolist() for result in results] == [[True] * 2, [False] * 2]
    assert np.isnan(results[1].log_prob) and np.isfinite(results[0].log_prob)
    picture = temperature.temperature_picture(results, 2)
    assert (picture[76, [-98, -48]] == 128).all()


def test_what_is_lost_has_no_part_in_the_likelihood(run, monkeypatch):
    decode = temperature.decode
    kept = np.arange(5) > 0
    whole = temperature.sample_at_temperatures(run.glow, 5, [0.7])[0]
    monkeypatch.setattr(temperature, "decode", lambda *args: decode(*args)._replace(valid=kept))
    [rest] = temperature.sample_at_temperatures(run.glow, 5, [0.7], report=[].append)
    noise = tf.random.experimental.stateless_fold_in([0, 0], 0)
    noise = tf.random.stateless_uniform([4, 8, 8, 1], noise)
    expected = run.glow.log_prob(whole.images[1:], noise=noise).numpy().mean()
    np.testing.assert_allclose(rest.log_prob, expected, rtol=1e-5)
