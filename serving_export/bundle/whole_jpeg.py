"""Whether a JPEG file is whole, in TensorFlow's operations: as `data.base.jpeg_segments`."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from data.base.jpeg_segments import (
    BEGIN,
    COEFFICIENTS,
    END_MARKER,
    LETTERS,
    MOST_SEGMENTS,
    ORDER,
    SCAN_MARKER,
    WITHIN_SCANS,
)

_PARTS = 256  # of an image: its colours, by any number
_NONE, _WRONG = -2, 99  # instead of bits: no part of the image; scans that do not follow
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

    def more(
        at: tf.Tensor, letters: tf.Tensor, scan: tf.Tensor, going: tf.Tensor, bits: tf.Tensor
    ) -> tf.Tensor:
        return going & (tf.strings.length(letters) < MOST_SEGMENTS)

    def walk(
        at: tf.Tensor, letters: tf.Tensor, scan: tf.Tensor, going: tf.Tensor, bits: tf.Tensor
    ) -> Any:
        place = markers[tf.searchsorted(markers, [at])[0]]
        number = content[place + 1]
        fine = (place < size) & (scan | (solid[place] == solid[at]))
        end, scan = number == END_MARKER, number == SCAN_MARKER
        length = tf.where(end, 0, 256 * content[place + 2] + content[place + 3])
        fine &= end | ((length >= 2) & (place + 2 + length <= size))
        letter = tf.where(fine, tf.gather(LETTERS, number), "x")
        segment = content[place + 4 : place + 2 + tf.where(fine, length, 0)]
        progressive = fine & scan & tf.reduce_any(bits != _NONE)
        bits = tf.cond(letter == "P", lambda: _begun(segment), lambda: bits)
        bits = tf.cond(progressive, lambda: _refined(bits, segment), lambda: bits)
        return place + 2 + length, letters + letter, scan, fine & ~end, bits

    none = tf.fill([_PARTS, COEFFICIENTS], _NONE)
    start = (tf.constant(len(BEGIN)), tf.constant(""), tf.constant(False), tf.constant(True), none)
    _, letters, _, _, bits = tf.while_loop(more, walk, start)
    whole = tf.reduce_all((bits == 0) | (bits == _NONE))
    return tf.strings.regex_full_match(letters, ORDER) & whole


def _begun(header: tf.Tensor) -> tf.Tensor:
    """What is known of a progressive image of this header: of its parts, no bit yet."""
    mine = tf.reduce_any(tf.range(_PARTS)[:, None] == header[6::3][None, :], 1)
    return tf.where(mine[:, None], -1, tf.fill([_PARTS, COEFFICIENTS], _NONE))


def _refined(bits: tf.Tensor, scan: tf.Tensor) -> tf.Tensor:
    """The bits that are left out once the scan of this header came, or wrong ones for ever."""
    scan = tf.pad(scan, [[0, 3]])
    count = tf.minimum(scan[0], (tf.size(scan) - 4) // 2)
    first, last, step = scan[1 + 2 * count], scan[2 + 2 * count], scan[3 + 2 * count]
    parts = tf.reduce_any(tf.range(_PARTS)[:, None] == scan[1 : 1 + 2 * count : 2][None, :], 1)
    places = tf.range(COEFFICIENTS)
    touched = parts[:, None] & ((places >= first) & (places <= last))[None, :]
    before = tf.where(step < 16, -1, step // 16)
    follows = tf.reduce_all(~touched | (bits == before)) & (first <= last) & (last < COEFFICIENTS)
    return tf.where(touched & follows, step % 16, tf.where(follows, bits, _WRONG))
