"""Whether a JPEG file is whole, in TensorFlow's operations: as `data.base.jpeg_segments`."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from data.base.jpeg_segments import (
    BEGIN,
    END_MARKER,
    LETTERS,
    MOST_SEGMENTS,
    ORDER,
    PROGRESSIVE,
    SCAN_MARKER,
    WITHIN_SCANS,
)

_PAST = 4  # zeros behind the file, so that a marker at its end can be looked behind


def is_whole(file: tf.Tensor) -> tf.Tensor:
    """Whether a JPEG file's segments are as `check_segments` takes them.

    Args:
        file: () string, which begins as a JPEG does.

    Returns:
        () bool.
    """
    size = tf.strings.length(file)
    content = tf.pad(tf.cast(tf.io.decode_raw(file, tf.uint8), tf.int32), [[0, _PAST]])
    is_marker = tf.gather([n not in WITHIN_SCANS for n in range(256)], content[1:])
    markers = tf.cast(tf.where((content[:-1] == 0xFF) & is_marker)[:, 0], tf.int32)
    markers = tf.concat([markers, [size]], 0)
    solid = tf.cumsum(tf.cast(content != 0xFF, tf.int32), exclusive=True)  # bytes before that count

    def more(at: tf.Tensor, letters: tf.Tensor, scan: tf.Tensor, going: tf.Tensor) -> tf.Tensor:
        return going & (tf.strings.length(letters) < MOST_SEGMENTS)

    def walk(at: tf.Tensor, letters: tf.Tensor, scan: tf.Tensor, going: tf.Tensor) -> Any:
        place = markers[tf.searchsorted(markers, [at])[0]]
        number = content[place + 1]
        fine = (place < size) & (scan | (solid[place] == solid[at]))
        end = number == END_MARKER
        length = tf.where(end, 0, 256 * content[place + 2] + content[place + 3])
        fine &= end | ((length >= 2) & (place + 2 + length <= size))
        letter = tf.where(fine, tf.gather(LETTERS, number), "x")
        return place + 2 + length, letters + letter, number == SCAN_MARKER, fine & ~end

    start = (tf.constant(len(BEGIN)), tf.constant(""), tf.constant(False), tf.constant(True))
    at, letters, _, _ = tf.while_loop(more, walk, start)
    progressive = tf.strings.regex_full_match(letters, PROGRESSIVE)
    return tf.strings.regex_full_match(letters, ORDER) & ((at == size) | ~progressive)
