import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tfglow.runs import RunFolder
from tfglow.scoring import Detector
from train import score as command
from train.presets import PRESETS

pytestmark = pytest.mark.slow


def write_images(folder, images):
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:03}.png")


@pytest.fixture(scope="module", name="noise")
def _noise(tmp_path_factory):
    """Noise in the place of digits, with masks of its left half, and a file that is no image."""
    base = tmp_path_factory.mktemp("noise")
    rng = np.random.default_rng(0)
    write_images(base / "test" / "3", rng.integers(0, 256, (30, 8, 8), np.uint8))
    write_images(base / "test" / "other", rng.integers(0, 256, (7, 16, 8), np.uint8))
    mask = np.repeat(np.array([[255, 0]], np.uint8), 8, axis=0).repeat(4, axis=1)
    write_images(base / "ground_truth" / "3", [mask] * 29)
    (base / "test" / "3" / "bad.png").write_bytes(b"")
    return base / "test"


@pytest.fixture(scope="module", name="scored")
def _scored(one_epoch, noise, tmp_path_factory):
    """The folder of a comparison."""
    out = tmp_path_factory.mktemp("scores") / "out"
    command.main(
        [
            f"--run_dir={one_epoch}", "--data=digits", "--split=test[50%:]", "--fit=test[:50%]",
            f"--anomalies={noise}", "--label=5", "--heat_maps", "--bootstrap=20", "--draws=2",
            f"--out={out}",
        ]
    )  # fmt: skip
    return out


@pytest.fixture(scope="module", name="without_weights")
def _without_weights(one_epoch, tmp_path_factory):
    """The run without its checkpoints: what comes before they are looked at ends with them."""
    run = tmp_path_factory.mktemp("without_weights") / "run"
    shutil.copytree(one_epoch, run, ignore=shutil.ignore_patterns("*ckpt*", "checkpoint"))
    return run


def rows_of(out):
    with open(out / "scores.csv", newline="") as file:
        return list(csv.DictReader(file))


def failure(*arguments):
    with pytest.raises(SystemExit) as exit_info:
        command.main(list(arguments))
    return str(exit_info.value.code)


def test_a_row_an_image_with_what_the_detector_says(scored, one_epoch, noise):
    rows = rows_of(scored)
    data = [row for row in rows if row["set"] == "data"]
    anomalies = [row for row in rows if row["set"] == "anomalies"]
    assert [row["image"] for row in data] == [str(i) for i in range(149)]
    assert anomalies[0]["image"] == str(noise / "3" / "000.png")
    assert [row["label"] for row in anomalies] == ["3"] * 30 + ["other"] * 7
    detector = Detector.load(scored / "detector.json", RunFolder(one_epoch).load_glow())
    read = [np.asarray(Image.open(row["image"]))[..., None] for row in anomalies[:30]]
    expected = detector.score(np.stack(read), np.full(30, 3))
    for name, values in expected.items():
        found = np.array([float(row[name]) for row in anomalies[:30]])
        np.testing.assert_allclose(found, values, rtol=2e-4, atol=2e-4, err_msg=name)


def test_the_report_names_the_baseline_and_has_intervals(scored):
    report = json.loads((scored / "report.json").read_text())
    assert report["baseline"] == "complexity_png"
    assert report["statistics"]["complexity_png"]["auroc"]["value"] == pytest.approx(1)
    assert {"bits_per_dim", "typicality", "density", "bits_level_0"} <= set(report["statistics"])
    for measures in report["statistics"].values():
        for found in measures.values():
            assert found["low"] <= found["value"] <= found["high"]
    assert report["sets"]["data"]["images"] == 149
    anomalies = report["sets"]["anomalies"]
    assert (anomalies["images"], anomalies["skipped"], anomalies["other_size"]) == (37, 1, 7)
    assert report["detector"]["calibration_images"] == 74
    false_alarms = report["share_with_p_value_at_most"]["data"]["density"]["0.1"]
    assert false_alarms["low"] < 0.1 < false_alarms["high"]
    assert (report["pixels"]["images"], report["pixels"]["anomalies_without_mask"]) == (178, 8)
    assert 0 < report["pixels"]["auroc"]["value"] < 1


def test_pictures_and_what_was_passed_over(scored):
    ends = ("most", "least")
    sheets = {f"{name}_{end}_likely.png" for name in ("data", "anomalies") for end in ends}
    figures = {"histograms.png", "roc.png", "precision_recall.png"}
    assert {path.name for path in scored.glob("*.png")} == sheets | figures
    assert len(list((scored / "heat_maps").glob("*.png"))) == 149 + 37 + 1
    [line] = (scored / "skipped_images.jsonl").read_text().splitlines()
    assert json.loads(line) == {"set": "anomalies", "file": "3/bad.png", "reason": "it is empty."}


def test_a_detector_is_used_again(scored, one_epoch, tmp_path, capsys):
    out = tmp_path / "again"
    command.main(
        [
            f"--run_dir={one_epoch}", "--data=digits", "--split=test[50%:]", "--images=20",
            f"--detector={scored / 'detector.json'}", f"--out={out}",
        ]
    )  # fmt: skip
    assert rows_of(out) == rows_of(scored)[:20]
    assert "have a p-value of at most 0.05" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == {
        "scores.csv", "report.json", "data_most_likely.png", "data_least_likely.png",
    }  # fmt: skip


def test_a_detector_of_other_weights_is_refused(scored, one_epoch, tmp_path):
    arguments = (f"--run_dir={one_epoch}", "--data=digits", f"--out={tmp_path / 'out'}")
    detector = f"--detector={scored / 'detector.json'}"
    assert "fitted with other weights" in failure(*arguments, detector, "--weights=raw")
    assert not any(tmp_path.iterdir())


def test_flags_are_checked_before_the_work(scored, one_epoch, without_weights, tmp_path):
    others = ("--data=digits", f"--out={tmp_path / 'out'}", "--split=test[50%:]")
    arguments = (f"--run_dir={without_weights}", *others)
    words = failure(*arguments, "--fit=test[:50%]", "--alpha=0.01")
    assert "`alpha` must be below 1, and at least 0.0133, the smallest p-value with 74" in words
    assert "at least 40 images that were not trained on, got 30." in failure(
        *arguments, "--fit=test[:30]"
    )
    detector = f"--detector={scored / 'detector.json'}"
    run = f"--run_dir={one_epoch}"
    assert "`alpha` must be" in failure(run, *others, detector, "--alpha=0.01")
    assert not any(tmp_path.iterdir())


def test_what_was_trained_on_is_no_calibration(without_weights, tmp_path):
    arguments = (f"--run_dir={without_weights}", "--data=digits", f"--out={tmp_path / 'out'}")
    assert "trained on 1500 of the 1500 images of the split train of" in failure(
        *arguments, "--fit=train"
    )
    assert "trained on 150 of the" in failure(*arguments, "--fit=train[90%:]+test")
    with pytest.warns(UserWarning, match="trained on 9 of the 9 images of --data"):
        failure(*arguments, "--split=train", "--images=9")
    with pytest.warns(UserWarning, match="fitted on 297 of the 297 images of --data"):
        failure(*arguments, "--fit=test")


def test_a_conditional_model_wants_classes(one_epoch, noise, tmp_path):
    arguments = (f"--run_dir={one_epoch}", f"--out={tmp_path / 'out'}")
    words = failure(*arguments, f"--data={noise}")
    assert "000.png' is in no folder below" in words and "--label=CLASS" in words
    words = failure(*arguments, f"--data={noise}", "--label=x")
    assert "--label=x must be one of the model's classes: 0, 1, 2" in words


def test_bad_input_is_one_sentence(one_epoch, noise, tmp_path):
    here, out = f"--run_dir={one_epoch}", f"--out={tmp_path / 'out'}"
    assert "There is no run folder" in failure(f"--run_dir={tmp_path / 'x'}", "--data=digits", out)
    assert "There is no folder 'cifra10', and: Unknown data" in failure(here, "--data=cifra10", out)
    assert "is a file, expected a folder or" in failure(here, f"--data={noise / '3/bad.png'}", out)
    assert "given by its path" in failure(here, "--data=folder", out)
    assert "holds files" in failure(here, "--data=digits", f"--out={noise}")
    assert "--anomalies shares 297 of its 297 images with --data" in failure(
        here, "--data=digits", "--anomalies=digits", out
    )
    words = failure(here, f"--data={noise}", "--label=1", "--bad_images=stop", out)
    assert "bad.png': it is empty. --bad_images=skip" in words
    assert not any(tmp_path.iterdir())


def test_another_number_of_channels_is_refused(tmp_path):
    model = {**PRESETS["tiny"].model.to_dict(), "image_shape": (8, 8, 2), "num_classes": 0}
    config = {**PRESETS["tiny"].to_dict(), "model": model}
    run = RunFolder.create(tmp_path / "run", config)
    words = failure(f"--run_dir={run.path}", "--data=digits", f"--out={tmp_path / 'out'}")
    assert "whose images have 1 channels: only grey and RGB" in words


def test_images_that_are_good_are_no_anomalies(without_weights, tmp_path, capsys):
    """MVTec AD keeps both in one folder."""
    images = np.zeros((2, 8, 8), np.uint8)
    for name in ("test/good", "test/bent", "ground_truth/bent"):
        write_images(tmp_path / "bottle" / name, images)
    test = tmp_path / "bottle" / "test"
    arguments = (f"--run_dir={without_weights}", "--label=0", f"--out={tmp_path / 'out'}")
    arguments += (f"--anomalies={test}",)
    assert "--anomalies has 2 images in folders called good" in failure(*arguments, "--data=digits")
    failure(*arguments, f"--data={test / 'good'}")
    out = capsys.readouterr().out
    assert "Left out of --anomalies: 2 images that --data has, too." in out
    assert "ground_truth" in out
