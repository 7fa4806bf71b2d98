"""Writes `digits.npz` from the copy of the data that scikit-learn ships.

Run once, by hand, where scikit-learn is installed (it is no dependency of tfglow):

    python tfglow/datasets/digits/make_digits.py

The file holds the grey values as published, 0..16, and the split that `Digits` fixes: 297 of the
1,797 images, chosen at random with the classes in proportion, are the test split; both splits keep
the published order.
"""

import pathlib

import numpy as np

from tfglow.whole_files import replacing

NUM_TEST = 297  # leaves 1,500 to train on
SPLIT_SEED = 0


def proportional_counts(counts: np.ndarray, total: int) -> np.ndarray:
    """Splits `total` in proportion to `counts`; the largest remainders are rounded up."""
    shares = counts * total / counts.sum()
    whole = np.floor(shares).astype(int)
    missing = total - whole.sum()
    whole[np.argsort(whole - shares, kind="stable")[:missing]] += 1
    return whole


def choose_test(labels: np.ndarray) -> np.ndarray:
    """True where an image belongs to the test split."""
    rng = np.random.default_rng(SPLIT_SEED)
    mask = np.zeros(len(labels), dtype=bool)
    for label, count in enumerate(proportional_counts(np.bincount(labels), NUM_TEST)):
        mask[rng.choice(np.flatnonzero(labels == label), size=count, replace=False)] = True
    return mask


def arrays() -> dict[str, np.ndarray]:
    """The arrays of the file: grey values uint8 [N, 8, 8] and labels uint8 [N] of each split."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = digits.images.astype(np.uint8)
    labels = digits.target.astype(np.uint8)
    test = choose_test(labels)
    return {
        "train_grey": grey[~test],
        "train_label": labels[~test],
        "test_grey": grey[test],
        "test_label": labels[test],
    }


if __name__ == "__main__":
    with replacing(pathlib.Path(__file__).with_name("digits.npz")) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays())
