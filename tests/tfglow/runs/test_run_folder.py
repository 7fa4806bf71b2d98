import json
import os

import numpy as np
import pytest
import tensorflow as tf

import tfglow
from tests.full_disk import full_disk
from tests.killed_in_replace import killed_in_replace
from tests.random_glow import random_glow
from tfglow.runs import CheckpointError, RunFolder
from tfglow.runs.checkpoints import list_checkpoints, restore_checkpoint
from tfglow.whole_files import replace_file
from tfglow.writing import UnwritableFile

pytestmark = pytest.mark.slow

CONFIG = tfglow.GlowConfig(image_shape=(8, 8, 1), levels=1, steps=1, width=4)


@pytest.fixture
def run(tmp_path):
    run = RunFolder.create(tmp_path / "run", {"model": CONFIG.to_dict()})
    run.save_glow(random_glow(CONFIG, seed=1), random_glow(CONFIG, seed=2), step=7)
    return run


def kernel_sum(glow):
    return float(tf.reduce_sum(glow.trainable_variables[0]))


def test_models_come_back(run):
    assert kernel_sum(run.load_glow("raw")) == kernel_sum(random_glow(CONFIG, seed=1))
    assert kernel_sum(run.load_glow("averaged")) == kernel_sum(random_glow(CONFIG, seed=2))
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1), np.uint8)
    np.testing.assert_array_equal(
        run.load_glow().log_prob(images, noise=np.full(images.shape, 0.5)),
        random_glow(CONFIG, seed=2).log_prob(images, noise=np.full(images.shape, 0.5)),
    )


def test_a_run_without_average_gives_its_weights(tmp_path):
    run = RunFolder.create(tmp_path, {"model": CONFIG.to_dict()})
    run.save_glow(random_glow(CONFIG, seed=3))
    with pytest.warns(UserWarning, match=r"ckpt-0' holds no moving average .*weights=\"raw\""):
        assert kernel_sum(run.load_glow()) == kernel_sum(random_glow(CONFIG, seed=3))
    with pytest.warns(UserWarning, match="holds no moving average"):
        assert run.find_weights().kind == "raw"
    assert run.find_weights("raw").kind == "raw"
    assert list(run.saved_weights()) == ["raw"]
    with pytest.raises(ValueError, match="ckpt-0' holds no moving average of the weights, only"):
        run.load_glow("averaged")


def test_the_best_checkpoint_goes_before_the_latest(run):
    assert run.checkpoint() == str(run.checkpoint_dir / "ckpt-7")
    manager = tf.train.CheckpointManager(
        tf.train.Checkpoint(glow=random_glow(CONFIG, seed=9)),
        str(run.best_checkpoint_dir),
        max_to_keep=1,
    )
    manager.save(checkpoint_number=3)
    assert run.checkpoint() == str(run.best_checkpoint_dir / "ckpt-3")
    assert run.checkpoint("latest") == str(run.checkpoint_dir / "ckpt-7")
    assert kernel_sum(run.load_glow("raw")) == kernel_sum(random_glow(CONFIG, seed=9))
    assert kernel_sum(run.load_glow(checkpoint="latest")) == kernel_sum(random_glow(CONFIG, seed=2))


def test_saved_weights_say_which_they_are(run):
    found = run.saved_weights()
    assert list(found) == ["averaged", "raw"]
    for kind, saved in found.items():
        assert (saved.kind, saved.step, saved.config) == (kind, 7, CONFIG)
        assert saved.prefix == run.checkpoint()
    assert run.find_weights() == found["averaged"]
    assert run.find_weights("raw", "latest") == found["raw"]
    with pytest.raises(ValueError, match="`weights` must be one of averaged, raw; got 'mean'"):
        run.find_weights("mean")


def test_the_same_weights_load_in_another_precision(run):
    glow = run.find_weights("raw").load(precision="mixed_bfloat16")
    assert glow.config.precision == "mixed_bfloat16"
    assert kernel_sum(glow) == kernel_sum(random_glow(CONFIG, seed=1))


def test_loads_under_a_distribution_strategy(run):
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        glow = run.load_glow()
    assert all(hasattr(v.value, "values") for v in glow.trainable_variables)  # Mirrored.
    assert kernel_sum(glow) == kernel_sum(random_glow(CONFIG, seed=2))


def test_can_be_moved(run, tmp_path):
    os.rename(run.path, tmp_path / "elsewhere")
    moved = RunFolder.open(tmp_path / "elsewhere")
    assert kernel_sum(moved.load_glow()) == kernel_sum(random_glow(CONFIG, seed=2))


@pytest.mark.parametrize("suffix", ["index", "data-00000-of-00001"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "missing"])
def test_a_damaged_checkpoint_is_named_and_nothing_is_loaded(run, suffix, damage):
    path = f"{run.checkpoint()}.{suffix}"
    with open(path, "rb") as file:
        content = bytearray(file.read())
    os.remove(path)
    if damage != "missing":
        middle = len(content) // 2
        content[middle] ^= 0xFF
        content = {"cut": content[:middle], "flipped": content, "empty": b""}[damage]
        with open(path, "wb") as file:
            file.write(content)
    glow = random_glow(CONFIG, seed=5)
    with pytest.raises(CheckpointError, match=r"ckpt-7' is damaged or not of this model: ."):
        restore_checkpoint(tf.train.Checkpoint(glow=glow), run.checkpoint())
    assert kernel_sum(glow) == kernel_sum(random_glow(CONFIG, seed=5))
    with pytest.raises(ValueError, match="ckpt-7' is damaged"):
        run.load_glow()


def test_a_checkpoint_of_another_model_is_refused(run):
    deeper = tfglow.Glow(tfglow.GlowConfig(image_shape=(8, 8, 1), levels=1, steps=2, width=4))
    with pytest.raises(CheckpointError, match="not of this model"):
        restore_checkpoint(tf.train.Checkpoint(glow=deeper), run.checkpoint())


def test_a_full_disk_is_one_sentence(run):
    with full_disk(1000), pytest.raises(UnwritableFile) as caught:
        run.save_glow(random_glow(CONFIG, seed=1), step=8)
    prefix = str(run.checkpoint_dir / "ckpt-8")
    assert str(caught.value) == f"Cannot write {prefix!r}: File too large."
    assert kernel_sum(run.load_glow("raw")) == kernel_sum(random_glow(CONFIG, seed=1))


def test_half_written_files_are_no_checkpoint(run):
    """What a process that was killed while saving leaves behind."""
    (run.checkpoint_dir / "ckpt-8.data-00000-of-00001").write_bytes(b"half")
    (run.checkpoint_dir / "ckpt-8.index").write_bytes(b"half")
    assert list_checkpoints(run.checkpoint_dir) == [str(run.checkpoint_dir / "ckpt-7")]


def test_configuration_and_metrics(run):
    assert run.model_config() == CONFIG
    assert run.metrics() == []
    run.metrics_path.write_text('{"epoch": 1}\n{"epoch": 2}\n{"epo')
    assert run.metrics() == [{"epoch": 1}, {"epoch": 2}]


def test_a_folder_is_taken_again_after_a_kill_while_its_config_is_written(tmp_path, monkeypatch):
    config = {"model": CONFIG.to_dict()}
    killed_in_replace(monkeypatch, lambda: RunFolder.create(tmp_path / "run", config))
    (left,) = os.listdir(tmp_path / "run")
    assert left.startswith(".config.json.")
    (tmp_path / "run" / ".config.json.x1y2z3").write_text("as an earlier release left it")
    with pytest.raises(ValueError, match=r"is not a run folder: it has no config\.json"):
        RunFolder.open(tmp_path / "run")
    run = RunFolder.create(tmp_path / "run", config)
    assert run.read_config() == config
    assert left not in os.listdir(run.path)
    # What somebody else put there is not touched.
    (tmp_path / "other").mkdir()
    for name in (".notes.unfinished", "config.json.bak", ".config"):
        (tmp_path / "other" / name).write_text("mine")
        with pytest.raises(ValueError, match=r"holds files but no config\.json"):
            RunFolder.create(tmp_path / "other", config)
        assert os.listdir(tmp_path / "other") == [name]
        (tmp_path / "other" / name).unlink()


def test_what_a_killed_run_was_writing_is_removed(run, monkeypatch):
    run.samples_dir.mkdir()
    run.best_checkpoint_dir.mkdir()
    whole = {path.relative_to(run.path) for path in run.path.rglob("*")}
    for path in (run.config_path, run.metrics_path, run.curves_path, run.samples_dir / "a.png"):
        killed_in_replace(monkeypatch, lambda path=path: replace_file(path, "half"))
    for folder in (run.checkpoint_dir, run.best_checkpoint_dir):
        (folder / "ckpt-9_temp").mkdir()
        (folder / "ckpt-9_temp" / "part-00000-of-00001.index.tempstate1").write_text("half")
        (folder / "checkpoint.tmp0123456789abcdef").write_text("half")
    run.remove_unfinished()
    assert {path.relative_to(run.path) for path in run.path.rglob("*")} == whole
    assert run.load_glow("raw") is not None


def test_refuses_what_is_no_run_folder(tmp_path, run):
    with pytest.raises(ValueError, match=r"There is no run folder '.*nowhere'"):
        RunFolder.open(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"is not a run folder: it has no config.json"):
        RunFolder.open(tmp_path)
    with pytest.raises(ValueError, match=r"holds files but no config.json"):
        RunFolder.create(tmp_path, {"model": CONFIG.to_dict()})
    with pytest.raises(ValueError, match="is a run folder already"):
        RunFolder.create(run.path, {"model": CONFIG.to_dict()})
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match=r"Cannot make a run folder of '.*file'"):
        RunFolder.create(tmp_path / "file", {"model": CONFIG.to_dict()})
    with pytest.raises(ValueError, match="must be one of best, latest; got 'newest'"):
        run.checkpoint("newest")


def test_a_new_run_is_checked_without_a_trace(tmp_path, run, monkeypatch):
    RunFolder.check_new(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
    with pytest.raises(ValueError, match="is a run folder already"):
        RunFolder.check_new(run.path)
    with pytest.raises(ValueError, match=r"holds files but no config\.json"):
        RunFolder.check_new(run.path.parent)
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(ValueError, match=r"Cannot make a run folder of .*: Not a directory\.$"):
            RunFolder.check_new(path)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(ValueError, match=r"Cannot make a run folder of .*: Permission denied\.$"):
        RunFolder.check_new(tmp_path / "a" / "b")


@pytest.mark.parametrize(
    "content", ["", "[1, 2]", '{"model": 3}', '{"model": {}, "format": []}', '{"no_model": {}}']
)
def test_refuses_a_damaged_configuration(run, content):
    run.config_path.write_text(content)
    with pytest.raises(ValueError, match=r"config.json' is not the configuration of a run"):
        run.read_config()


@pytest.mark.parametrize(
    ("change", "said"),
    [({"width": "wide"}, "`width` must be an integer"), ({"wdith": 4}, r"no field \['wdith'\]")],
)
def test_an_edit_by_hand_that_is_wrong_is_found_in_its_file(tmp_path, change, said):
    run = RunFolder.create(tmp_path / "run", {"model": {**CONFIG.to_dict(), **change}})
    with pytest.raises(ValueError, match=rf"^In '\S+config.json': .*{said}"):
        run.model_config()


def test_the_format_is_written_and_another_one_refused(run):
    written = json.loads(run.config_path.read_text())
    assert written == {"format": 2, "model": CONFIG.to_dict()}
    assert run.read_config() == {"model": CONFIG.to_dict()}
    del written["format"]  # As tfglow 0.1 wrote it.
    run.config_path.write_text(json.dumps(written))
    with pytest.raises(
        ValueError,
        match=r"config.json' was written by an older tfglow \(format 1\); this one reads format 2: "
        r"train again, or use tfglow 0\.1\.$",
    ):
        run.load_glow()
    run.config_path.write_text(json.dumps({**written, "format": 3}))
    with pytest.raises(
        ValueError, match=r"by a newer tfglow \(format 3\); this one reads format 2"
    ):
        RunFolder.open(run.path).load_glow()


def test_a_run_without_checkpoints_says_so(tmp_path):
    run = RunFolder.create(tmp_path, {"model": CONFIG.to_dict()})
    with pytest.raises(ValueError, match="has no saved checkpoint"):
        run.load_glow()
