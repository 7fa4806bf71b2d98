"""Which value of a row the client names."""

import numpy as np
import pytest

from serving.client.answers import describe

SEEDS = np.arange(3)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"seed": SEEDS, "temperature": np.array([1, 1, -2.5])}, "`temperature` = -2.5"),
        ({"temperature": np.array([1, 1, np.inf])}, "`temperature` = inf, which is not finite"),
        ({"latent": np.array([[0, 0], [0, 0], [0, np.nan]])}, r"`latent`[1] = nan"),
        ({"latent": np.zeros((3, 2)), "label": np.array([0, 0, 9])}, "`label` = 9"),
        ({"seed": SEEDS, "temperature": np.ones(3)}, "`seed` = 2, `temperature` = 1.0"),
        ({"image": np.zeros((3, 2, 2, 1), np.uint8)}, "a value that the model does not accept"),
    ],
)
def test_names_the_value(inputs, expected):
    assert expected in describe(inputs, 2)
