import io

import numpy as np
from PIL import Image

from train.scoring.figures import curves, histograms


def test_figures_are_drawn_also_of_what_is_no_number():
    rng = np.random.default_rng(0)
    data = {f"s{i}": rng.normal(size=50) for i in range(4)}
    anomalies = {f"s{i}": rng.normal(1.0, size=20) for i in range(4)}
    plain = [histograms(data, anomalies), *curves(data, anomalies).values()]
    data["s1"][3], anomalies["s2"][:] = np.nan, np.inf
    odd = [histograms(data, anomalies), *curves(data, anomalies).values()]
    assert set(curves(data, anomalies)) == {"roc", "precision_recall"}
    for before, after in zip(plain, odd, strict=True):
        first, second = (np.asarray(Image.open(io.BytesIO(file))) for file in (before, after))
        assert first.std() > 10 and (first.shape != second.shape or (first != second).any())
