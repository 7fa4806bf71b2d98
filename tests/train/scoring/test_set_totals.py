import numpy as np
import pytest

from train.scoring.image_set import Batch
from train.scoring.set_totals import SetTotals


class NoImages:
    description = "the folder 'x'"
    skipped = (1, 2)


def test_counts_add_up_over_batches():
    totals = SetTotals(alpha=0.05)
    images = np.zeros([2, 8, 8, 1], np.uint8)
    for bits, p_value in (([1.0, np.nan], [0.05, 0.01]), ([3.0, 5.0], [0.06, 1.0])):
        batch = Batch(["a", "b"], ["", ""], images, [(8, 8), (8, 9)])
        totals.add(batch, {"bits_per_dim": np.array(bits), "p_value": np.array(p_value)})
    assert totals.to_dict(NoImages()) == {
        "description": "the folder 'x'", "images": 4, "other_size": 2, "not_finite": 1,
        "p_value_at_most_alpha": 2, "skipped": 2, "mean_bits_per_dim": 3.0,
    }  # fmt: skip


def test_of_nothing_there_is_nothing_to_say():
    with pytest.raises(ValueError, match="No image of the folder 'x' can be read"):
        SetTotals(0.05).to_dict(NoImages())
