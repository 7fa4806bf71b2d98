import io
import os
import resource
import zipfile

import numpy as np
import pytest

from tfglow import array_files
from tfglow.array_files import read_arrays

GOOD = np.arange(6, dtype=np.float32).reshape(2, 3)


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def npz(packed=zipfile.ZIP_STORED, **members):
    """An archive of members that are the bytes of `.npy` files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packed) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def header(shape, descr="'<f4'", order="False", version=b"\x01\x00"):
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text


def encrypted():
    """The flag of a member that needs a password, in both of the places where it stands."""
    content = bytearray(npz(latent=npy(GOOD)))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def other_content():
    return npz(latent=npy(GOOD)).replace(GOOD.tobytes(), (GOOD + 1).tobytes())


def packed_zeros(size):
    return npz(zipfile.ZIP_DEFLATED, latent=header((size // 4,)) + bytes(size))


@pytest.mark.parametrize(
    "array",
    [
        GOOD,
        np.asfortranarray(GOOD),
        GOOD.astype(">f8"),
        np.zeros((0, 3), np.int64),
        np.array(7),
        np.array(["a", "bc"]),
    ],
    ids=["plain", "by columns", "big-endian", "empty", "a number", "text"],
)
def test_what_numpy_writes_is_read(tmp_path, array):
    path = tmp_path / "a"
    path.write_bytes(npy(array))
    read = read_arrays(path, ())
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype and read.flags.writeable
    for save in (np.savez, np.savez_compressed):
        with path.open("wb") as file:
            save(file, one=array, two=array)
        read = read_arrays(path, ("one", "three"))
        assert read.keys() == {"one"}
        np.testing.assert_array_equal(read["one"], array)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        (b"", "it is empty"),
        (b"\x89PNG\r\n\x1a\n", "its content is that of neither"),
        (b"\x80\x04\x95", "its content is that of neither"),
        (npy(GOOD)[:-1], "it declares 24 bytes of float32 [2, 3], and has 23"),
        (npy(GOOD) + b"x", "it declares 24 bytes of float32 [2, 3], and has 25"),
        (npy(GOOD)[:20], "EOF"),
        (npy(GOOD)[:7], "EOF"),
        (npy(np.array([{}], object), allow_pickle=True), "it holds object, neither numbers nor"),
        (npy(np.zeros(2, complex)), "it holds complex128, neither numbers nor text"),
        (npy(np.zeros(2, [("a", "f4")])), "neither numbers nor text"),
        (npy(np.zeros(2, "M8[s]")), "neither numbers nor text"),
        (header((2**40, 2**40)), "of which at most 268435456 are read"),
        (header((2**28 // 4 + 1,)), "it declares float32 [67108865], 268435460 bytes"),
        (header((-1, -6)) + bytes(24), "it declares the shape [-1, -6]"),
        (header("()", "'<f4', 'x': 1"), "Header does not contain the correct keys"),
        (header("(" * 5000), "it is damaged (TokenError"),
        (header("(" * 20000), "Header info length (20052) is large"),
        (header((2,), version=b"\x03\x00"), "it is of version (3, 0)"),
        (header((2,), "'|S900000000'"), "neither numbers nor text"),
        (b"PK\x03\x04 broken", "File is not a zip file"),
        (npz(latent=npy(GOOD))[:-30], "File is not a zip file"),
        (encrypted(), "`latent` is encrypted"),
        (npz(zipfile.ZIP_LZMA, latent=npy(GOOD)), "packed as NumPy does not"),
        (npz(zipfile.ZIP_BZIP2, latent=npy(GOOD)), "packed as NumPy does not"),
        (npz(latent=b"text"), "`latent`: "),
        (npz(latent=npy(np.array([{}], object), allow_pickle=True)), "`latent`: it holds object"),
        (npz(latent=npy(GOOD)[:-1]), "`latent`: it declares 24 bytes"),
        (other_content(), "Bad CRC-32"),
    ],
)
def test_anything_else_is_one_sentence(tmp_path, content, reason):
    path = tmp_path / "a.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^cannot read ") as caught:
        read_arrays(path, ("latent",))
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    assert reason in message


def test_folders_and_pipes_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(ValueError, match="it is not a file"):
            read_arrays(path, ())


def test_files_that_are_too_large_are_not_opened(tmp_path):
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        file.truncate(2**30 + 1)  # Without a byte on the disk.
    with pytest.raises(ValueError, match="it has 1073741825 bytes, more than 1073741824"):
        read_arrays(path, ())


def test_an_archive_that_unpacks_to_more_is_refused_before_that(tmp_path, monkeypatch):
    monkeypatch.setattr(array_files, "MAX_BYTES", 2**20)
    path = tmp_path / "a.npz"
    path.write_bytes(packed_zeros(2**26))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"`latent`: it declares float32 \[16777216\], 67108864"):
        read_arrays(path, ("latent",))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**13  # KiB


def test_a_member_that_lies_about_its_size(tmp_path):
    """The archive's list says 1 GiB, or one byte; what the header asks for decides."""
    content = npz(latent=npy(GOOD))
    place = content.index(b"PK\x01\x02") + 24
    for size in (1, 2**30):
        path = tmp_path / "a.npz"
        path.write_bytes(content[:place] + size.to_bytes(4, "little") + content[place + 4 :])
        with pytest.raises(ValueError, match=r"cannot read .*: .*"):
            read_arrays(path, ("latent",))


@pytest.mark.parametrize("make", [lambda: npy(GOOD), lambda: npz(latent=npy(GOOD))])
def test_random_damage_is_a_value_error_or_harmless(tmp_path, make):
    generator = np.random.default_rng(0)
    path = tmp_path / "a"
    refused = 0
    for _ in range(300):
        content = bytearray(make())
        for place in generator.integers(0, len(content), generator.integers(1, 4)):
            content[place] = generator.integers(0, 256)
        path.write_bytes(content)
        try:
            read_arrays(path, ("latent",))
        except ValueError:
            refused += 1
    assert 100 < refused < 300
