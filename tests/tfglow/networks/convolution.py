"""The official convolution, spelled out."""

import numpy as np


def explicit_convolution(x, kernel, b, logs):
    """The official convolution: zeros around, then a channel, last, that is 1 there; VALID."""
    size = kernel.shape[0]
    if size > 1:
        before, after = (size - 1) // 2, size - 1 - (size - 1) // 2
        around = [[0, 0], [before, after], [before, after], [0, 0]]
        edge = np.pad(np.zeros([*x.shape[:-1], 1]), around, constant_values=1.0)
        x = np.concatenate([np.pad(x, around), edge], axis=-1)
    y = np.zeros([x.shape[0], x.shape[1] - size + 1, x.shape[2] - size + 1, kernel.shape[-1]])
    for row in range(size):
        for column in range(size):
            window = x[:, row : row + y.shape[1], column : column + y.shape[2]]
            y += window @ kernel[row, column]
    return (y + b) * np.exp(3 * logs)
