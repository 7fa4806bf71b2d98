"""Which weights something was worked out for."""

import hashlib

import numpy as np

from tfglow.glow import Glow


def weights_checksum(glow: Glow) -> str:
    """SHA-256 of the names, shapes and values of all weights, in hexadecimal digits."""
    digest = hashlib.sha256()
    for name, variable in sorted(glow.named_variables.items()):
        value = np.ascontiguousarray(variable.numpy())
        digest.update(f"{name} {value.dtype} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
