import errno
import os
from pathlib import Path

import pytest
import tensorflow as tf

from tfglow.writing import UnwritableFile, writing

# As TensorFlow 2.21 words them.
SAVING = (
    "{{function_node __wrapped__SaveV2_dtypes_189_device_/job:localhost/replica:0/task:0/device:"
    "CPU:0}} /runs/a/ckpt-10_temp/part-00000-of-00001.index.tempstate231; {} [Op:SaveV2]"
)


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.ENOENT]
)
def test_an_error_is_one_sentence_with_the_systems_words(number):
    words = os.strerror(number)
    for error in (
        OSError(number, words),
        OSError(number, words, "/runs/a/.config.json.x1y2"),
        tf.errors.ResourceExhaustedError(None, None, SAVING.replace("{} ", f"{words} ")),
        tf.errors.UnknownError(None, None, f"/runs/a/events.v2; {words}\nmore\nlines"),
        tf.errors.PermissionDeniedError(None, None, words),
    ):
        with pytest.raises(UnwritableFile) as caught, writing("/runs/a"):
            raise error
        assert str(caught.value) == f"Cannot write '/runs/a': {words}."
        assert caught.value.__cause__ is error


def test_a_real_full_device(tmp_path):
    """What Python says when a file is closed, and TensorFlow when one is written."""
    message = r"^Cannot write '.*a': No space left on device\.$"
    with pytest.raises(UnwritableFile, match=message), writing(tmp_path / "a"):
        Path("/dev/full").write_text("text")
    with pytest.raises(UnwritableFile, match=message), writing(tmp_path / "a"):
        tf.io.write_file("/dev/full", "text")


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), KeyError("k")])
def test_other_errors_pass(error):
    with pytest.raises(type(error)) as caught, writing("a"):
        raise error
    assert caught.value is error


def test_inside_another_the_first_file_is_named():
    message = r"^Cannot write 'inner': full\.$"
    with pytest.raises(UnwritableFile, match=message), writing("outer"), writing("inner"):
        raise OSError(errno.ENOSPC, "full")
