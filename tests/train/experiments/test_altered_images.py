import numpy as np
import pytest

from train.experiments.altered_images import altered_sets, pasted


@pytest.fixture(name="images", params=[(16, 12, 3), (8, 8, 1), (8, 10, 2)])
def _images(request):
    return np.random.default_rng(0).integers(0, 256, (5, *request.param), np.uint8)


def test_sets_are_what_they_are_called(images):
    sets = altered_sets(images)
    expected = ["constant", "noise", "blurred", "shuffled"]
    assert list(sets) == expected + ["digits"] * (min(images.shape[1:3]) > 8)
    for name, changed in sets.items():
        assert changed.shape == images.shape and changed.dtype == np.uint8, name
        assert changed.flags.c_contiguous
    assert np.ptp(sets["constant"], axis=(1, 2)).max() == 0
    assert np.mean(np.abs(np.diff(sets["blurred"].astype(int), axis=2))) < 0.5 * np.mean(
        np.abs(np.diff(images.astype(int), axis=2))
    )
    # The same pixels, whole, in another order for each image.
    channels = images.shape[-1]
    for before, after in zip(images, sets["shuffled"], strict=True):
        assert np.any(before != after)
        pixels = [sorted(map(tuple, x.reshape(-1, channels).tolist())) for x in (before, after)]
        assert pixels[0] == pixels[1]


def test_the_seed_alone_decides(images):
    one, same, other = (altered_sets(images, seed) for seed in (1, 1, 2))
    for name in one:
        np.testing.assert_array_equal(one[name], same[name])
    assert np.any(one["shuffled"] != other["shuffled"]) and np.any(one["noise"] != other["noise"])


def test_a_square_is_pasted_where_the_mask_is(images):
    changed, masks = pasted(images)
    side = min(images.shape[1:3]) // 3
    assert np.all(masks.sum(axis=(1, 2)) == side**2)
    np.testing.assert_array_equal(changed[~masks], images[~masks])
    assert np.mean(np.any(changed[masks] != images[masks], axis=-1)) > 0.9
