"""Pictures as bytes, decoded in the graph, each row by itself."""

import tensorflow as tf

# Channels that a PNG can hold: grey, grey and alpha, RGB, RGB and alpha.
PNG_CHANNELS = (1, 2, 3, 4)

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_SIGNATURE = b"\xff\xd8\xff"
# IHDR comes first: four bytes each of width and height, then one of the bits a sample.
_PNG_HEADER_AT = 16
# Colour profiles, thumbnails and the like. In a PNG they may be packed, and pixels that it has too
# many of are unpacked too: a thousand bytes from one, 0.1 s from these.
_BYTES_BESIDE_PIXELS = 128 << 10
_PNG_BYTES_BESIDE_PIXELS = 16 << 10
# The tag 0x0112 with a value of 2 to 8 in an EXIF block, whose numbers end or begin with their low
# byte, or in XMP. (\C is RE2's any byte.)
_TURNED = (
    r"\C*(II\*\x00\C*\x12\x01\x03\x00\x01\x00\x00\x00[\x02-\x08]\x00"
    r"|MM\x00\*\C*\x01\x12\x00\x03\x00\x00\x00\x01\x00[\x02-\x08]"
    r"|tiff:Orientation(=[\"']|>)[2-8])\C*"
)


def decode_pictures(
    contents: tf.Tensor, image_shape: tuple[int, ...]
) -> tuple[tf.Tensor, tf.Tensor]:
    """The pixels of PNG and JPEG files of one size, as `pictures.reading` gives them.

    A row cannot be read if it is neither of the two, is damaged, has another size, 16 bits a
    sample, four colours (CMYK), a noted orientation other than upright, or more than 128 KiB (a
    PNG 16 KiB) beside four bytes a pixel; nor, where C is 2 or 4, if it has not C channels itself.
    Colour profiles are not followed. Both sizes are looked at before any pixel is decoded: a few
    bytes can declare gigabytes, and a JPEG may go over its pixels again and again, a few bytes each
    time, for which no deadline stops it.

    TensorFlow's operations for pictures raise on damaged ones, which would fail every row of a
    batch. A data set that passes over the rows that raise is what catches that in a graph.

    Args:
      contents: string `[N]`, a file a row.
      image_shape: (H, W, C), C from 1 to 4.

    Returns:
      Which rows can be read, bool `[N]`, and the pixels, uint8 `[N, H, W, C]`, zero in the others.
    """
    num_rows = tf.size(contents)

    height, width, _ = image_shape

    @tf.autograph.experimental.do_not_convert
    def read(row, content):
        is_png = tf.strings.substr(content, 0, len(_PNG_SIGNATURE)) == _PNG_SIGNATURE
        beside = tf.where(is_png, _PNG_BYTES_BESIDE_PIXELS, _BYTES_BESIDE_PIXELS)
        content = _checked(content, tf.strings.length(content) <= beside + 4 * height * width)
        content = _checked(content, ~tf.strings.regex_full_match(content, _TURNED))
        pixels = tf.cond(
            is_png,
            lambda: _decode_png(content, image_shape),
            lambda: _decode_jpeg(content, image_shape),
        )
        return row, _in_channels(pixels, image_shape)

    rows = tf.data.Dataset.from_tensor_slices((tf.range(num_rows), contents))
    # One row more, which is cut off again: a data set without any element is an error. (Not
    # `tf.zeros`, which would put a constant of that size into the graph.)
    black = tf.fill(image_shape, tf.constant(0, tf.uint8))
    last = tf.data.Dataset.from_tensors((num_rows, black))
    read_rows = rows.map(read).ignore_errors(log_warning=False).concatenate(last)
    batch = read_rows.batch(tf.cast(num_rows, tf.int64) + 1)
    row, pixels = batch.get_single_element()
    at = row[:, tf.newaxis]
    images = tf.scatter_nd(at, pixels, [num_rows + 1, *image_shape])
    readable = tf.scatter_nd(at, tf.ones_like(row), [num_rows + 1]) > 0
    return readable[:-1], images[:-1]


def _decode_png(content, image_shape):
    """Pixels `[H, W, c]`."""
    height, width, channels = image_shape
    size = [*width.to_bytes(4, "big"), *height.to_bytes(4, "big")]
    header = tf.io.decode_raw(tf.strings.substr(content, _PNG_HEADER_AT, 9), tf.uint8)
    is_wanted = tf.reduce_all(header[:8] == tf.constant(size, tf.uint8)) & (header[8] <= 8)
    content = _checked(content, is_wanted)
    if channels in (2, 4):
        return tf.io.decode_png(content)
    # Four channels hold a colour that is declared transparent too. Of fewer bits than 8 they would
    # not be right: there TensorFlow takes 2^bits - 1 for full alpha.
    return tf.cond(
        header[8] == 8,
        lambda: tf.io.decode_png(content, channels=4),
        lambda: tf.io.decode_png(content),
    )


def _decode_jpeg(content, image_shape):
    """Pixels `[H, W, 3]`."""
    is_jpeg = tf.strings.substr(content, 0, len(_JPEG_SIGNATURE)) == _JPEG_SIGNATURE
    # Other bytes would make libjpeg write to standard error.
    shape = tf.io.extract_jpeg_shape(_checked(content, is_jpeg))
    is_wanted = tf.reduce_all(shape[:2] == list(image_shape[:2])) & (shape[2] <= 3)
    # The transform that Pillow takes; TensorFlow's default is a faster one, up to 3 levels off.
    return tf.io.decode_jpeg(
        _checked(content, is_wanted), channels=3, dct_method="INTEGER_ACCURATE"
    )


def _checked(content, is_wanted):
    """`content`, whose row ends here unless it `is_wanted`."""
    with tf.control_dependencies([tf.debugging.Assert(is_wanted, [is_wanted])]):
        return tf.identity(content)


def _in_channels(pixels, image_shape):
    """uint8 `[H, W, c]` as `[H, W, C]`; the arithmetic is that of `pictures.colours`."""
    channels = image_shape[-1]
    if channels in (1, 3):
        pixels = tf.cast(pixels, tf.int32)
        has_alpha = tf.shape(pixels)[-1] % 2 == 0
        alpha = tf.cond(has_alpha, lambda: pixels[..., -1:], lambda: tf.fill([1, 1, 1], 255))
        colours = tf.cond(has_alpha, lambda: pixels[..., :-1], lambda: pixels)
        # On white paper.
        pixels = (alpha * colours + (255 - alpha) * 255 + 127) // 255
        if channels == 1:
            # Halves to even, which float64 holds.
            luma = tf.reduce_sum(pixels * [299, 587, 114], axis=-1, keepdims=True)
            pixels = tf.cast(tf.round(tf.cast(luma, tf.float64) / 1000.0), tf.int32)
        pixels = tf.cast(tf.broadcast_to(pixels, image_shape), tf.uint8)
    return tf.ensure_shape(pixels, image_shape)
