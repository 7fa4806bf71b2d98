import numpy as np
from PIL import Image

from tfglow.pictures.image_grid import GAP
from train.scoring.heat_maps import HeatMaps
from train.scoring.image_set import Batch


def test_pictures_stand_beside_their_nats_on_one_scale(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 48, 48, 1), np.uint8)
    places = -rng.uniform(1.0, 9.0, (3, 48, 48))
    places[1] = -9.0  # All of it as unlikely as anything.
    places[2] = -1.0
    heat_maps = HeatMaps(tmp_path / "maps")
    names = ["a/x y.png", "a/\udce9.png", "c.png"]
    for start, stop in ((0, 2), (2, 3)):
        part = slice(start, stop)
        size = stop - start
        batch = Batch(names[part], [""] * size, images[part], [(48, 48)] * size)
        heat_maps.add("data", batch, places[part])
    low, high = heat_maps.write()
    assert 1 <= low < 1.2 and 8.8 < high <= 9
    files = sorted(path.name for path in (tmp_path / "maps").iterdir())
    assert files == ["000000_data_x_y.png", "000001_data__.png", "000002_data_c.png", "scale.png"]
    colours = []
    for number, file in enumerate(files[:3]):
        picture = np.asarray(Image.open(tmp_path / "maps" / file))
        np.testing.assert_array_equal(
            picture[GAP : GAP + 48, GAP : GAP + 48], images[number].repeat(3, axis=-1)
        )
        colours.append(np.unique(picture[GAP:-GAP, -GAP - 48 : -GAP].reshape(-1, 3), axis=0))
    # The two ends of viridis, yellow and dark blue.
    np.testing.assert_allclose(colours[1], [[253, 231, 36]], atol=2)
    np.testing.assert_allclose(colours[2], [[68, 1, 84]], atol=2)
    assert len(colours[0]) > 100
