"""What `python serving/client.py` does for each command."""

import argparse
import dataclasses
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from serving.client.files import (
    check_channels,
    check_file_to_write,
    check_picture_path,
    make_folder,
    read_images,
    read_latents,
    save_latents,
    save_picture,
)
from serving.client.glow_client import GlowClient
from serving.client.score_table import score_table, write_csv
from serving.client.signatures import SCORE, check_detector, sampling_inputs
from serving.printable import LONGEST, printable, say
from tfglow.counting import counted
from tfglow.local_paths import check_local_path
from tfglow.pictures.image_grid import image_grid
from tfglow.pictures.preparation import Preparation, top_bits
from tfglow.pictures.reading import is_animation, read_file
from tfglow.whole_files import replace_file


def sample(client: GlowClient, flags: argparse.Namespace) -> int:
    """Draws samples into one grid, or into a file each."""
    seed = secrets.randbelow(2**31) if flags.seed is None else flags.seed
    if flags.out_dir is None:
        check_picture_path(flags.out)
        check_channels(client.metadata().image_shape[-1])
        inputs = sampling_inputs(flags.num, flags.temperature, seed)
        answer = client.predict_with_valid("sample", inputs, flags.labels)
        valid = answer["valid"]
        save_picture(image_grid(answer["image"], flags.columns, valid=valid), flags.out)
        where = flags.out
    else:
        where = flags.out_dir
        check_local_path(where, "`--out_dir`")
        pngs = client.sample_png(flags.num, flags.temperature, flags.labels, seed)
        valid = np.ones(flags.num, bool)
        make_folder(where)
        for number, png in enumerate(pngs):
            replace_file(where / f"seed_{seed + number}.png", png)
    say(
        f"{where}: {counted(flags.num, 'sample')}, seeds {seed} to {seed + flags.num - 1}, "
        f"temperature {flags.temperature:g}"
    )
    return _report_missing(valid, "or the model has no such class")


def encode(client: GlowClient, flags: argparse.Namespace) -> int:
    """Writes the latents of image files, and prints their bits per dimension."""
    check_file_to_write(flags.out)
    images, _ = _read(client, flags.images, flags)
    encoding = client.encode(images, flags.labels)
    known = {name: array for name, array in encoding._asdict().items() if array is not None}
    save_latents(flags.out, **known, **_label_of_each(flags, len(images)))
    for path, bits in zip(flags.images, encoding.bits_per_dim, strict=True):
        say(f"{path}: {bits:.4f} bits/dim")
    say(f"{flags.out}: {counted(len(images), 'latent')} of {encoding.latent.shape[1]} dimensions")
    return 0


def score(client: GlowClient, flags: argparse.Namespace) -> int:
    """Prints what the model's detector says of image files, and writes every number as CSV."""
    if flags.csv is not None:
        check_file_to_write(flags.csv)
    check_detector(client.metadata())
    images, _ = _read(client, flags.images, flags)
    answer = client.predict_with_valid(SCORE, {"image": images}, flags.labels)
    valid = answer.pop("valid")
    # What there is none of, such as the error of one draw, is NaN for every image.
    answer = {
        name: values for name, values in sorted(answer.items()) if not np.isnan(values[valid]).all()
    }
    if flags.csv is not None:
        known = {"path": flags.images, **_label_of_each(flags, len(images))}
        write_csv(flags.csv, known, answer, valid)
    # The scores are what has a p-value; the other numbers are parts of them.
    shown = [name for name in answer if f"p_value_{name}" in answer] + ["p_value"]
    for line in score_table(flags.images, {name: answer[name] for name in shown}, valid):
        say(line)
    if flags.csv is not None:
        say(
            f"{flags.csv}: {counted(len(answer), 'number')} of each of "
            f"{counted(len(images), 'image')}"
        )
    missing = np.flatnonzero(~valid)
    if missing.size:
        say(
            f"{missing.size} of {valid.size} images have no numbers, the first is "
            f"{flags.images[missing[0]]}: their likelihood is not finite, or the model has no such "
            "class",
            sys.stderr,
        )
    return 1 if missing.size else 0


def decode(client: GlowClient, flags: argparse.Namespace) -> int:
    """Writes the images of latents."""
    check_picture_path(flags.out)
    latents, labels = read_latents(flags.latents)
    check_channels(client.metadata().image_shape[-1])
    labels = labels if flags.labels is None else flags.labels
    answer = client.predict_with_valid("decode", {"latent": latents}, labels)
    images, valid = answer["image"], answer["valid"]
    save_picture(image_grid(images, flags.columns, enlarge=1, valid=valid), flags.out)
    say(f"{flags.out}: {counted(len(images), 'image')}")
    return _report_missing(valid, "the latents are not finite, or the model has no such class")


def reconstruct(client: GlowClient, flags: argparse.Namespace) -> int:
    """Writes images above what came back of them; fails if a byte differs in the model's bits."""
    check_picture_path(flags.out)
    images, preparation = _read(client, flags.images, flags)
    back = client.reconstruct(images, flags.labels)
    bits = bits_of(back) if preparation is None else preparation.num_bits
    images = top_bits(images, bits)
    both = np.concatenate([images, back])
    save_picture(image_grid(both, len(images), enlarge=1), flags.out)
    differences = np.abs(images.astype(int) - back).reshape(len(images), -1).max(1)
    exact = int((differences == 0).sum())
    say(
        f"{flags.out}: {exact} of {counted(len(images), 'image')} came back exactly"
        f"{'' if bits == 8 else f' in the {bits} bits that the model has'}, "
        f"the largest difference is {differences.max()} of 255"
    )
    return 0 if exact == len(images) else 1


def interpolate(client: GlowClient, flags: argparse.Namespace) -> int:
    """Writes a strip of images between two."""
    check_picture_path(flags.out)
    (first, second), _ = _read(client, [flags.first, flags.second], flags)
    images = client.interpolate(first, second, flags.steps, flags.labels, flags.path)
    save_picture(image_grid(images, flags.steps), flags.out)
    say(f"{flags.out}: {flags.steps} images from {flags.first} to {flags.second}")
    return 0


def status(client: GlowClient, flags: argparse.Namespace) -> int:
    """Prints the versions' states; fails if none is available, or not the one that is asked."""
    versions = client.status()
    asked = flags.version
    if flags.version_label is not None:  # Servers look labels up for other calls alone.
        asked = client.metadata().version
    for version, state, error in versions:
        error = printable(error, LONGEST)
        say(f"version {version}: {state}{': ' if error else ''}{error}")
    if asked is not None:
        versions = [v for v in versions if v.version == asked]
        if not versions:
            say(f"version {asked}: not on this server")
    return 0 if any(v.state == "AVAILABLE" for v in versions) else 1


def metadata(client: GlowClient, flags: argparse.Namespace) -> int:
    """Prints the version that answers and its signatures."""
    model = client.metadata()
    say(f"{model.name}, version {model.version}")
    for name, signature in model.signatures.items():
        say(f"{name}")
        for arrow, tensors in (("<-", signature.inputs), ("->", signature.outputs)):
            for tensor, description in tensors.items():
                say(f"  {arrow} {tensor}: {description}")
    return 0


def _report_missing(valid: np.ndarray, other_causes: str) -> int:
    """Says which images a picture lacks; returns the exit status, 1 if it lacks some."""
    missing = np.flatnonzero(~valid)
    if not missing.size:
        return 0
    say(
        f"{missing.size} of {valid.size} images are crossed out, the first is number {missing[0]}: "
        f"the flow's inverse overflows so far from the latents of images, {other_causes}"
    )
    return 1


def bits_of(images: np.ndarray) -> int:
    """The bits that decoded images use: a model of fewer than 8 leaves the lowest at 0."""
    used = int(np.bitwise_or.reduce(images, axis=None))
    return 8 if not used else 8 - ((used & -used).bit_length() - 1)


def _label_of_each(flags: argparse.Namespace, num: int) -> dict[str, np.ndarray]:
    """`label`, [num], if labels were given."""
    if flags.labels is None:
        return {}
    return {"label": np.broadcast_to(np.int32(flags.labels), (num,))}


def _read(
    client: GlowClient, paths: Sequence[Path], flags: argparse.Namespace
) -> tuple[np.ndarray, Preparation | None]:
    """The images of files as training makes them, and what the model says of that."""
    height, width, channels = client.metadata().image_shape
    preparation = client.preparation()
    made = preparation or Preparation((height, width, channels))
    if flags.white is not None:
        made = dataclasses.replace(made, white=flags.white)
    images = read_images(paths, made.image_shape, flags.resize, made)
    if preparation is None and flags.resize:
        say(
            "The model does not say how its images were fitted: each side is scaled by its own "
            "factor, as training does by default.",
            sys.stderr,
        )
    animations = [str(path) for path in paths if is_animation(read_file(path))]
    if animations:
        say(f"Of several frames or pages the first is taken: {', '.join(animations)}.", sys.stderr)
    return images, preparation
