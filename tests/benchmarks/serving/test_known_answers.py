import pytest

from benchmarks.serving.known_answers import KnownAnswers
from tests.serving.toy_glow import ToyGlow


class FiveBits(ToyGlow):
    """Its images have 32 grey levels, 8 apart."""

    def _image(self, latent, offset):
        return super()._image(latent, offset) // 8 * 8


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    return KnownAnswers(FiveBits().save(tmp_path_factory.mktemp("toy"), 1))


def test_own_answers_are_right(known):
    for signature in ("encode", "decode", "sample", "sample_png"):
        answer = known.run(signature, known.request(signature, 3, 2))
        del answer["valid"]
        assert known.is_right(signature, 3, 2, answer)
        assert not known.is_right(signature, 4, 2, answer)


@pytest.mark.parametrize(("off", "is_right"), [(8, True), (9, False), (16, False)])
def test_a_pixel_may_be_in_the_next_bin(known, off, is_right):
    image = known.run("sample", known.request("sample", 0, 2))["image"]
    image[1, 2, 2, 1] += off if image[1, 2, 2, 1] < 128 else -off
    assert known.is_right("sample", 0, 2, {"image": image}) is is_right
    assert 0 < known.share_in_next_bin < 1
