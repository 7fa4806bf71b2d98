import hashlib
import re
import shutil
import tempfile

import numpy as np
import pytest
from PIL import Image

from tfglow.pictures.image_grid import image_grid
from train import main as command
from train.config import TrainConfig
from train.data import load_split
from train.dry_run import training_images
from train.presets import PRESETS


@pytest.fixture(autouse=True)
def _pictures_of_its_own(tmp_path_factory, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("pictures")))


def said(capsys, *flags):
    """What a dry run prints, by the first word of its lines; and its picture."""
    command.main(["--dry_run", *flags])
    output = capsys.readouterr()
    assert output.err == ""
    lines = {line.partition(" ")[0]: line for line in output.out.splitlines()}
    path = lines["Images"].rpartition(": ")[2]
    with Image.open(path) as picture:
        return lines, np.asarray(picture)


def contents(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.slow
def test_says_what_a_new_run_would_do_and_writes_none(tmp_path, capsys):
    run = tmp_path / "runs" / "new"
    flags = ["--preset=tiny", "--levels=1", "--num_bits=3", "--strategy=cpu_mirrored"]
    lines, picture = said(capsys, *flags, f"--run_dir={run}")
    assert {"--num_bits=3", "--levels=1", "--learning_rate=0.001"} <= set(lines)
    assert lines["Model"].startswith("Model    images 8x8x1 of 3 bits, 1 level of 1 step, width 8")
    assert "about " in lines["Memory"]
    assert "CPU:0, CPU:1 (cpu_mirrored)" in lines["Devices"]
    place = f"{tempfile.gettempdir()}/tfglow_dry_run_"
    assert lines["Images"].startswith(f"Images   as the model sees them, 3 bits: {place}")
    assert re.fullmatch(
        r"Time     \d+\.\d s for the first step, then [\d.e-]+ s a step, [\d.]+ images/s: an epoch "
        r"\d+ s, what is left of the run \d+ s, beside evaluations and samples",
        lines["Time"],
    )
    assert lines["A"] == f"A dry run: nothing was written to {run}."
    assert list(tmp_path.iterdir()) == []
    assert set(np.unique(picture)) - {255} <= set(range(0, 256, 32))


@pytest.mark.slow
def test_goes_on_with_a_run_and_leaves_it_as_it_is(one_epoch, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(one_epoch, run)
    # What a run that was cut short has and one that goes on forgets.
    with open(run / "metrics.jsonl", "a") as file:
        file.write('{"epoch": 2, "step": 20}\n')
    before = contents(run)
    lines, _ = said(capsys, f"--run_dir={run}", "--epochs=3")
    assert contents(run) == before
    assert lines["Would"] == "Would change: epochs 1 → 3."
    assert lines["Resumed"].startswith("Resumed at step 10 of 30, from ")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--batch_size=5000"], "A batch of 5000 images needs 5000 images"),
        (["--init_from=nowhere"], "nowhere"),
        (["--num_classes=3"], "`num_classes` = 3 does not fit the data set"),
    ],
)
@pytest.mark.slow
def test_refuses_what_a_run_refuses(flags, message, tmp_path):
    for first in ([], ["--dry_run"]):
        with pytest.raises(SystemExit, match=message):
            command.main([*first, "--preset=tiny", f"--run_dir={tmp_path / 'run'}", *flags])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SystemExit, match=r"holds files but no config\.json"):
        command.main(["--dry_run", "--preset=tiny", f"--run_dir={tmp_path}"])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_picture_is_of_what_is_trained_on():
    tiny: TrainConfig = PRESETS["tiny"]
    data = load_split(tiny, "train")
    [batch] = data.batches(64, seed=tiny.model.seed).take(1)
    np.testing.assert_array_equal(training_images(tiny, data), image_grid(batch["image"].numpy()))
