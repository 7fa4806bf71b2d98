"""Named configurations.

Those of the paper's data sets hold what the official code's README runs for each (openai/glow):
8 GPUs, 40 for the two of the largest images. That code's `n_batch_train` of 64 images a GPU, and
`n_batch_init` of 256, are for 32x32 pixels, and shrink as the image grows (`anchor_size`); a batch
here is that of all GPUs. It trains until it is stopped; the number of epochs is ours.
"""

import dataclasses
from typing import Any

from tfglow import GlowConfig
from train.config import TrainConfig

DEFAULT_PRESET = "fashion"
# Those of the embedded data sets have the data sets' names, and are what `--dataset` alone gives.
EMBEDDED_PRESETS = ("digits", "fashion")

_CIFAR10 = TrainConfig(
    model=GlowConfig(image_shape=(32, 32, 3), levels=3, steps=32, coupling="affine"),
    dataset="cifar10",
    shift=3,  # A tenth of the size, as the official code's augmentation for CIFAR-10.
    batch_size=512,  # 64 x 8 GPUs
    epoch_images=50_000,
    average_share=None,
    init_images=256,
    eval_every=10,
    sample_every=10,
    sample_images=100,
)


def _image_net(size: int, **model: Any) -> TrainConfig:
    """ImageNet as small images (`imagenet-oord`), 48 steps a level."""
    scale = (size // 32) ** 2
    return dataclasses.replace(
        _CIFAR10,
        model=GlowConfig(image_shape=(size, size, 3), steps=48, **model),
        dataset=f"downsampled_imagenet/{size}x{size}",
        shift=0,
        batch_size=512 // scale,
        init_images=256 // scale,
    )


def _many_gpus(size: int, levels: int, steps: int, dataset: str) -> TrainConfig:
    """Large images at 5 bits, with additive coupling, on 40 GPUs."""
    scale = (size // 32) ** 2
    return dataclasses.replace(
        _CIFAR10,
        model=GlowConfig(
            image_shape=(size, size, 3), levels=levels, steps=steps, coupling="additive", num_bits=5
        ),
        dataset=dataset,
        resize="center_crop",
        shift=0,
        batch_size=64 * 40 // scale,
        init_images=256 // scale,
        sample_images=16,
    )


def _conditional(config: TrainConfig, dataset: str, num_classes: int) -> TrainConfig:
    """With labels and a classifier (`--ycond --weight_y=0.01`), additive and at 5 bits."""
    model = dataclasses.replace(
        config.model, coupling="additive", num_bits=5, num_classes=num_classes, weight_y=0.01
    )
    return dataclasses.replace(config, model=model, dataset=dataset)


_IMAGENET32 = _image_net(32, levels=3)

PRESETS: dict[str, TrainConfig] = {
    # The embedded digits in minutes on two CPU cores. The images have 17 grey values, of which 4
    # bits say nearly all. There are 1,500 to train on: after 8 epochs of 15,000 it overfits.
    "digits": TrainConfig(
        model=GlowConfig(image_shape=(8, 8, 1), levels=2, steps=16, width=32, num_bits=4),
        dataset="digits",
        batch_size=64,
        epochs=8,
        epoch_images=15_000,
        optimizer="adam",
        learning_rate=1e-3,
        warmup_steps=200,
        beta_2=0.999,
        average_decay=0.998,
        # The official rule: a horizon of 500 steps smooths what the last epochs learn by heart.
        average_share=None,
    ),
    # The embedded clothes, at the 5 bits that the file has: 349 CPU seconds, four minutes of two
    # cores. 1.58 bits/dim, where a Gaussian has 2.73; its samples are in docs/gallery.md.
    "fashion": TrainConfig(
        model=GlowConfig(image_shape=(16, 16, 1), levels=3, steps=8, width=64, num_bits=5),
        dataset="fashion",
        batch_size=64,
        epochs=10,
        epoch_images=20_000,
        optimizer="adam",
        learning_rate=2e-3,
        warmup_steps=100,
        beta_2=0.999,
        average_decay=0.998,
    ),
    # CIFAR-10, 3.35 bits/dim in the paper's table 2.
    "cifar10": _CIFAR10,
    # ImageNet at 32x32, 4.09 bits/dim.
    "imagenet32": _IMAGENET32,
    # ImageNet at 64x64, 3.81 bits/dim.
    "imagenet64": _image_net(64, levels=4),
    # LSUN at 64x64 as RealNVP has it: random crops of images scaled to 96 pixels. The paper's
    # 2.67 bits/dim is for this one; lsun64_bedroom and lsun64_tower below have 2.38 and 2.46.
    "lsun64": dataclasses.replace(
        _image_net(64, levels=3), dataset="lsun/church_outdoor", resize="random_crop"
    ),
    # The paper's faces.
    "celeba_hq256": _many_gpus(256, levels=6, steps=32, dataset="celeb_a_hq/256"),
    # Its churches; lsun/bedroom and lsun/tower alike.
    "lsun128": _many_gpus(128, levels=5, steps=64, dataset="lsun/church_outdoor"),
    "cifar10_conditional": _conditional(_CIFAR10, "cifar10", 10),
    "imagenet32_conditional": _conditional(_IMAGENET32, "imagenet_resized/32x32", 1000),
    # A smoke test of seconds: worse than a Gaussian, as the command says.
    "tiny": TrainConfig(
        model=GlowConfig(image_shape=(8, 8, 1), levels=2, steps=1, width=8),
        dataset="digits",
        batch_size=16,
        epochs=2,
        epoch_images=160,
        warmup_steps=5,
        beta_2=0.9,
        average_share=None,
        init_images=32,
        eval_images=40,
        sample_images=4,
        sample_temperatures=(0.7,),
        checkpoint_every=5,
        log_every=5,
    ),
}

# The paper's comparison of permutations and couplings (section 5, figure 3), which
# `train/experiments/compare.py` varies.
PRESETS["paper_ablation"] = dataclasses.replace(_CIFAR10, sample_every=100)
# The other two of LSUN that the paper's table 2 has.
PRESETS |= {
    f"lsun64_{name}": dataclasses.replace(PRESETS["lsun64"], dataset=f"lsun/{name}")
    for name in ("bedroom", "tower")
}
# RealNVP as the paper compares with it: a fixed shuffle in place of the 1x1 convolution, with
# affine coupling, and all else as Glow.
PRESETS |= {
    f"realnvp_{name}": dataclasses.replace(
        PRESETS[name], model=dataclasses.replace(PRESETS[name].model, permutation="shuffle")
    )
    for name in ("cifar10", "imagenet32", "imagenet64", "lsun64", "lsun64_bedroom", "lsun64_tower")
}
