import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from tfglow.runs import RunFolder
from train.experiments import anomalies
from train.presets import PRESETS
from train.scoring.comparison import BASELINE

pytestmark = pytest.mark.slow

TINY = PRESETS["tiny"]
CONFIG = dataclasses.replace(
    TINY, epochs=1, strategy="one_device", model=dataclasses.replace(TINY.model, levels=1)
)


@pytest.fixture(scope="module", name="folder")
def _folder(tmp_path_factory):
    """One class left out."""
    folder = tmp_path_factory.mktemp("left_out") / "result"
    anomalies.left_out(CONFIG, folder, [3])
    return folder


def test_the_class_that_is_left_out_is_trained_on_by_nobody(folder):
    place = folder / "without_3"
    counts = {
        name: len(list((place / name).iterdir()))
        for name in ("data/train", "data/test", "anomalies")
    }
    # 183 of the 1,797 digits are threes.
    assert counts == {"data/train": 1129, "data/test": 485, "anomalies": 183}
    report = json.loads((place / "scores" / "report.json").read_text())
    assert report["sets"]["data"]["images"] == 243
    assert report["sets"]["anomalies"]["images"] == 183
    assert report["detector"]["calibration_images"] == 121
    assert RunFolder(place / "run").read_config()["dataset"] == "folder"
    table = (folder / "anomalies.md").read_text()
    auroc = report["statistics"][BASELINE]["auroc"]["value"]
    assert "| 3 | 183 | " in table and f"{auroc:.3f}" in table


def test_what_is_there_is_not_done_again(folder, capsys):
    before = (folder / "without_3" / "scores" / "report.json").stat().st_mtime_ns
    reports = anomalies.left_out(CONFIG, folder, [3])
    assert list(reports) == ["3"] and "Run 1" not in capsys.readouterr().out
    assert (folder / "without_3" / "scores" / "report.json").stat().st_mtime_ns == before


def test_a_run_and_its_altered_images(folder, tmp_path):
    result = tmp_path / "altered"
    anomalies.main(
        ["altered", f"--run_dir={folder / 'without_3' / 'run'}", f"--result_dir={result}"]
    )
    reports = json.loads((result / "anomalies.json").read_text())
    assert list(reports) == ["constant", "noise", "blurred", "shuffled", "pasted"]
    # Any code tells noise and constant images from digits, each in its own direction.
    assert reports["noise"]["statistics"][BASELINE]["auroc"]["value"] == 1
    assert reports["constant"]["statistics"][BASELINE]["auroc"]["value"] < 0.1
    assert 0 < reports["pasted"]["pixels"]["auroc"]["value"] < 1
    masks = sorted((result / "pasted" / "masks").iterdir())
    assert len(masks) == 243 and np.asarray(Image.open(masks[0])).sum() == 255 * 4
    assert (result / "anomalies.md").read_text().count("| pasted | 243 |") == 2


def test_what_is_refused(folder, one_epoch, tmp_path, capsys):
    model = dataclasses.replace(CONFIG.model, num_classes=10)
    with pytest.raises(ValueError, match="unconditional"):
        anomalies.left_out(dataclasses.replace(CONFIG, model=model), tmp_path / "a")
    with pytest.raises(ValueError, match=r"classes of 'digits' are \[0, 1, .* got \[3, 12\]"):
        anomalies.left_out(CONFIG, tmp_path / "a", [3, 12])
    with pytest.raises(SystemExit, match="is conditional"):
        anomalies.main(["altered", f"--run_dir={one_epoch}", f"--result_dir={tmp_path / 'a'}"])
