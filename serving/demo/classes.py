"""How many classes a served model has, which no signature says."""

import numpy as np

from serving.client import GlowClient

# Beyond this no page lists them.
MOST_CLASSES = 4096


def count_classes(client: GlowClient, dimensions: int) -> int:
    """The number of classes of a conditional model: one more than the last label that is valid.

    A batch of labels one less than the powers of two says between which of them it lies, and one or
    two more find it.

    Args:
      client: The model's client.
      dimensions: D of its latents.

    Returns:
      From 1 to MOST_CLASSES, which stands for more, too.
    """

    def valid(labels: np.ndarray) -> np.ndarray:
        latents = np.zeros([len(labels), dimensions], np.float32)
        return client.predict_with_valid("decode", {"latent": latents}, labels)["valid"]

    labels = 2 ** np.arange(MOST_CLASSES.bit_length()) - 1  # 0, 1, 3, 7, …
    known = int(labels[valid(labels)].max())
    if known == labels[-1]:
        return MOST_CLASSES
    unknown = 2 * known + 1
    while unknown - known > 1:
        # Label `known` again, so that a row is valid.
        labels = np.unique(np.linspace(known, unknown, 10, dtype=int))[:-1]
        found = valid(labels)
        known = int(labels[found].max())
        unknown = min([unknown, *labels[~found].tolist()])
    return known + 1
