"""Images as PNG bytes."""

import io

import numpy as np
from PIL import Image

# Channels that a PNG can hold: grey, grey and alpha, RGB, RGB and alpha.
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def encode_png(image: np.ndarray) -> bytes:
    """The PNG file of an image, uint8 [H, W, C].

    Raises:
      ValueError: If no PNG holds so many channels.
    """
    channels = image.shape[-1]
    if channels not in _MODES:
        raise ValueError(f"a picture has 1 to 4 channels, this model's images have {channels}")
    file = io.BytesIO()
    pixels = image[..., 0] if channels == 1 else image
    # The file goes to this machine: small is worth less than soon.
    Image.fromarray(pixels, _MODES[channels]).save(file, "PNG", compress_level=1)
    return file.getvalue()
