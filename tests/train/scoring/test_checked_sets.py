import pathlib

import pytest
from PIL import Image

from tfglow.runs import RunFolder
from train.scoring.checked_sets import CheckedSets
from train.scoring.config import ScoreConfig
from train.scoring.opening import Opener


@pytest.fixture(name="check")
def _check(tiny, tmp_path):
    """A function from flags to the sets, and what was said."""
    run = RunFolder.create(tmp_path / "run", tiny.to_dict())

    def check(**flags):
        said = []
        config = ScoreConfig(run_dir=run.path, out=pathlib.Path("out"), **flags)
        return CheckedSets.open(config, Opener(run, report=said.append), said.append), said

    return check


@pytest.fixture(name="parts")
def _parts(tmp_path):
    for part in ("good", "bent", "where/bent"):
        folder = tmp_path / "parts" / part
        folder.mkdir(parents=True)
        for number in range(3):
            Image.new("L", (8, 8), number).save(folder / f"{number}.png")
    return tmp_path / "parts"


def test_a_detector_is_fitted_on_the_runs_data_or_on_others(check, parts):
    assert check(data="digits")[0].fit is None
    assert check(data=str(parts), fit="test")[0].fit.num_images == 297
    sets, _ = check(data="digits", fit_data=str(parts / "good"), images=2)
    assert (sets.fit.num_images, sets.scored["data"].num_images) == (3, 2)
    for flags in ({"fit": "train"}, {"fit_data": "digits", "fit": "train[:10%]"}):
        with pytest.raises(ValueError, match=r"--fit: the model was trained on .* give others"):
            check(data=str(parts), **flags)


def test_anomalies_are_not_the_data(check, parts):
    bent, good = str(parts / "bent"), str(parts / "good")
    with pytest.raises(ValueError, match="--anomalies shares 3 of its 3 images with --data"):
        check(data=good, anomalies=good)
    with pytest.raises(ValueError, match="--anomalies shares 149 of its 297 images with --data"):
        check(data="digits", split="test[50%:]", anomalies="digits")
    sets, said = check(data=good, anomalies=str(parts))
    assert sets.scored["anomalies"].num_images == 6
    assert said == ["Left out of --anomalies: 3 images that --data has, too."]
    sets, said = check(data=good, anomalies=bent)
    assert sets.scored["anomalies"].num_images == 3 and sets.masks is None and said == []


def test_masks_that_were_asked_for_must_be_there(check, parts):
    good, bent = str(parts / "good"), str(parts / "bent")
    masks = str(parts / "where" / "bent")
    sets, said = check(data=good, anomalies=bent, masks=masks)
    assert sets.masks.folder == masks and masks in said[-1]
    with pytest.raises(ValueError, match="there is no mask of an image of --anomalies"):
        check(data=good, anomalies=bent, masks=str(parts / "where"))
    with pytest.raises(ValueError, match="There is no folder --masks=absent"):
        check(data=good, anomalies=bent, masks="absent")
    with pytest.raises(ValueError, match="is for a folder of anomalies, and 'digits' is a data"):
        check(data=good, anomalies="digits", masks=masks)


def test_all_masks_are_read_before_an_image_is_scored(check, parts):
    masks = parts / "where" / "bent"
    Image.new("L", (4, 8)).save(masks / "1.png")
    (masks / "2.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"1\.png' has 8x4 pixels, and its image .* 8x8") as error:
        check(data=str(parts / "good"), anomalies=str(parts / "bent"), masks=str(masks))
    assert "The mask of" in str(error.value) and "where/bent/2.png'" in str(error.value)
    # An image that cannot be read is skipped, or not, by `bad_images`.
    (parts / "bent" / "1.png").write_text("no picture")
    (masks / "2.png").unlink()
    assert check(data=str(parts / "good"), anomalies=str(parts / "bent"), masks=str(masks))


def test_what_was_trained_on_or_fitted_is_said(check):
    with pytest.warns(UserWarning, match="trained on 1500 of the 1500 images of --data"):
        check(data="digits", split="train")
    with pytest.warns(UserWarning, match="fitted on 149 of the 297 images of --data: their p-val"):
        check(data="digits", fit="test[50%:]")
