"""Models of several depths and bits."""

import dataclasses

import pytest
import tensorflow as tf

from train.experiments import depth_and_bits

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results(tiny, tmp_path_factory):
    config = dataclasses.replace(
        tiny, epochs=1, epoch_images=32, eval_images=32, strategy="one_device"
    )
    folder = tmp_path_factory.mktemp("depth")
    return folder, depth_and_bits.compare_depth_and_bits(config, folder, [1], [5, 8], columns=3)


def test_a_result_a_model(results):
    _, found = results
    assert [(r.levels, r.num_bits) for r in found] == [(1, 5), (1, 8)]
    for result in found:
        model = result.run.model_config()
        assert (model.levels, model.num_bits) == (result.levels, result.num_bits)
        assert result.bits_per_dim == result.run.metrics()[-1]["eval_bits_per_dim"]
        # Hardly trained, but no worse than uniform pixels by much.
        assert 0 < result.bits_per_dim < result.num_bits + 3
    assert found[0].bits_per_dim < found[1].bits_per_dim


def test_writes_the_table_and_the_samples(results):
    folder, found = results
    table = (folder / "depth_and_bits.md").read_text(encoding="utf-8")
    assert f"| 5 | 1 | {found[0].bits_per_dim:.4f} ± " in table
    assert f"| 8 | 1 | {found[1].bits_per_dim:.4f} ± " in table
    picture = tf.io.decode_png(tf.io.read_file(str(folder / "depth_and_bits.png")))
    height, width, _ = picture.shape
    assert height == 2 * 50 + 2 and width > 3 * 50 + 2  # The models stand to the left.


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--levels=2"], "--levels is what is compared: give --depths."),
        (["--depths=4"], "`levels` = 4 needs a height and width divisible by 16"),
        (["--bits=9"], "`num_bits` must be an integer from 1 to 8, got 9"),
        (["--bits=5,5"], "`bits` must be one or more different values, got [5, 5]"),
        (["--columns=0"], "`columns` must be at least 1, got 0"),
        (["--temperature=nan"], "`temperature` must be finite and >= 0, got nan"),
    ],
)
def test_refuses_in_one_sentence(tmp_path, arguments, sentence):
    with pytest.raises(SystemExit) as exit_:
        depth_and_bits.main([f"--result_dir={tmp_path}", "--preset=tiny", *arguments])
    assert str(exit_.value).startswith("train/experiments/depth_and_bits.py: ")
    assert sentence in str(exit_.value)
    assert list(tmp_path.iterdir()) == []
