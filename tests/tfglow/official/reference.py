"""The official code's flow in NumPy and float64, straight from its variables by their names.

It shares nothing with tfglow: `test_reference.py` holds it against the numbers that the
official code computed, and then tfglow against it, where there are no such numbers.
"""

import numpy as np


def random_variables(
    channels, levels, steps, width, *, additive, permutation, learn_top, num_classes, classifier
):
    """Random values under the names and in the shapes that the official code has.

    Args:
      channels: Of an image.
      permutation: "W", "PLU", "shuffle" or "reverse".
    """
    rng = np.random.default_rng(0)
    values = {}

    def add(name, *shape, scale=0.1):
        values[f"model/{name}"] = (scale * rng.normal(size=shape)).astype(np.float32)

    def add_zeros_convolution(name, inputs, outputs):
        add(f"{name}/W", 3, 3, inputs + 1, outputs)
        add(f"{name}/b", 1, 1, 1, outputs)
        add(f"{name}/logs", 1, outputs)

    def add_actnorm(name, size):
        add(f"{name}/actnorm_center/b", 1, 1, 1, size)
        add(f"{name}/actnorm_scale/logs", 1, 1, 1, size)

    def add_linear_zeros(name, inputs, outputs):
        add(f"{name}/W", inputs, outputs)
        add(f"{name}/b", 1, outputs)
        add(f"{name}/logs", 1, outputs)

    for level in range(levels):
        size = channels * 4
        channels = size // 2
        for step in range(steps):
            name = f"{level}/{step}"
            add_actnorm(name, size)
            rotation = np.linalg.qr(rng.normal(size=[size, size]))[0]
            if permutation == "W":
                values[f"model/{name}/invconv/W"] = rotation.astype(np.float32)
            elif permutation == "PLU":
                # Not only a rotation's factors, and with the rubbish that training never sees.
                order = rng.permutation(size)
                values[f"model/{name}/invconv/P"] = np.eye(size, dtype=np.float32)[order]
                add(f"{name}/invconv/L", size, size)
                add(f"{name}/invconv/U", size, size)
                add(f"{name}/invconv/log_S", size)
                signs = rng.choice([-1.0, 1.0], size=size).astype(np.float32)
                values[f"model/{name}/invconv/sign_S"] = signs
            elif permutation == "shuffle":
                order = rng.permutation(size).astype(np.int32)
                values[f"model/{name}/shuffle/indices"] = order
                inverse = np.argsort(order).astype(np.int32)
                values[f"model/{name}/shuffle/indices_inverse"] = inverse
            add(f"{name}/f1/l_1/W", 3, 3, size // 2 + 1, width)
            add_actnorm(f"{name}/f1/l_1", width)
            add(f"{name}/f1/l_2/W", 1, 1, width, width)
            add_actnorm(f"{name}/f1/l_2", width)
            add_zeros_convolution(f"{name}/f1/l_last", width, size // 2 if additive else size)
        if level < levels - 1:
            add_zeros_convolution(f"pool{level}/conv", size // 2, size)
    if learn_top:
        add_zeros_convolution("prior/p", 2 * size, 2 * size)
    if num_classes:
        add_linear_zeros("prior/y_emb", num_classes, 2 * size)
    if classifier:
        add_linear_zeros("classifier", size, num_classes)
    return values


def encode(variables, x, labels=None):
    """Every level's ε, log p of the continuous images (nats), and the classifier's logits.

    Args:
      variables: Name → value; names and shapes say what the configuration is.
      x: Continuous images, `[B, H, W, C]`.
      labels: Of the images, `[B]`.
    """
    v = {name: np.asarray(value, np.float64) for name, value in variables.items()}
    x = np.asarray(x, np.float64)
    levels = 1 + max(int(n.split("/")[1]) for n in v if n.endswith("f1/l_1/W"))
    steps = 1 + max(int(n.split("/")[2]) for n in v if n.endswith("f1/l_1/W"))
    log_prob = np.zeros(len(x))
    latents = []
    for level in range(levels):
        x = _squeeze(x)
        for step in range(steps):
            x, log_det = _step(v, f"model/{level}/{step}", x)
            log_prob += log_det
        if level < levels - 1:
            x, z2 = np.split(x, 2, axis=-1)
            h = _zeros_convolution(v, f"model/pool{level}/conv", x)
            eps, log_density = _whiten(z2, h[..., 0::2], h[..., 1::2])
            latents.append(eps)
            log_prob += log_density
    logits = None
    if "model/classifier/W" in v:
        logits = _linear_zeros(v, "model/classifier", x.mean(axis=(1, 2)))
    h = np.zeros([*x.shape[:3], 2 * x.shape[3]])
    if "model/prior/p/W" in v:
        h = _zeros_convolution(v, "model/prior/p", h)
    if "model/prior/y_emb/W" in v:
        one_hot = np.eye(len(v["model/prior/y_emb/W"]))[labels]
        h = h + _linear_zeros(v, "model/prior/y_emb", one_hot)[:, None, None, :]
    eps, log_density = _whiten(x, *np.split(h, 2, axis=-1))
    return [*latents, eps], log_prob + log_density, logits


def _squeeze(x):
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height // 2, 2, width // 2, 2, channels)
    x = x.transpose(0, 1, 3, 5, 2, 4)
    return x.reshape(batch, height // 2, width // 2, channels * 4)


def _step(v, name, x):
    pixels = x.shape[1] * x.shape[2]
    x = _actnorm(v, name, x)
    log_det = pixels * np.sum(3.0 * v[f"{name}/actnorm_scale/logs"])
    if f"{name}/invconv/W" in v or f"{name}/invconv/P" in v:
        weight = v.get(f"{name}/invconv/W")
        if weight is None:
            p, lower, upper, sign, log_s = (
                v[f"{name}/invconv/{part}"] for part in ("P", "L", "U", "sign_S", "log_S")
            )
            lower = np.tril(lower, -1) + np.eye(len(p))
            weight = p @ lower @ (np.triu(upper, 1) + np.diag(sign * np.exp(log_s)))
        x = x @ weight
        log_det += pixels * np.linalg.slogdet(weight)[1]
    elif f"{name}/shuffle/indices" in v:
        x = x[..., v[f"{name}/shuffle/indices"].astype(int)]
    else:
        x = x[..., ::-1]
    z1, z2 = np.split(x, 2, axis=-1)
    h = np.maximum(_actnorm(v, f"{name}/f1/l_1", _convolution(z1, v[f"{name}/f1/l_1/W"])), 0.0)
    h = np.maximum(_actnorm(v, f"{name}/f1/l_2", _convolution(h, v[f"{name}/f1/l_2/W"])), 0.0)
    h = _zeros_convolution(v, f"{name}/f1/l_last", h)
    if h.shape[-1] == z2.shape[-1]:
        return np.concatenate([z1, z2 + h], axis=-1), log_det
    shift, scale = h[..., 0::2], 1.0 / (1.0 + np.exp(-(h[..., 1::2] + 2.0)))
    log_det = log_det + np.sum(np.log(scale), axis=(1, 2, 3))
    return np.concatenate([z1, (z2 + shift) * scale], axis=-1), log_det


def _convolution(x, kernel):
    """SAME; from 3×3 on with a channel that is 1 in the padding and 0 inside."""
    border = kernel.shape[0] // 2
    if border:
        around = [[0, 0], [border, border], [border, border], [0, 0]]
        edge = np.pad(np.zeros([*x.shape[:3], 1]), around, constant_values=1.0)
        x = np.concatenate([np.pad(x, around), edge], axis=-1)
    height, width = x.shape[1] - 2 * border, x.shape[2] - 2 * border
    return sum(
        x[:, i : i + height, j : j + width] @ kernel[i, j]
        for i in range(kernel.shape[0])
        for j in range(kernel.shape[1])
    )


def _zeros_convolution(v, name, x):
    return (_convolution(x, v[f"{name}/W"]) + v[f"{name}/b"]) * np.exp(3.0 * v[f"{name}/logs"])


def _linear_zeros(v, name, x):
    return (x @ v[f"{name}/W"] + v[f"{name}/b"]) * np.exp(3.0 * v[f"{name}/logs"])


def _actnorm(v, name, x):
    scale = np.exp(3.0 * v[f"{name}/actnorm_scale/logs"])
    return (x + v[f"{name}/actnorm_center/b"]) * scale


def _whiten(z, mean, logs):
    """ε, and log N(z; mean, exp(logs)²) of each image."""
    eps = (z - mean) * np.exp(-logs)
    return eps, np.sum(-logs - 0.5 * (eps**2 + np.log(2.0 * np.pi)), axis=(1, 2, 3))
