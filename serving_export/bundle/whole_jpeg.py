"""Whether a JPEG file is whole, in TensorFlow's operations: as `data.files.jpeg_segments`."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from data.files.jpeg_segments import (
    BEGIN,
    COEFFICIENTS,
    END_MARKER,
    LETTERS,
    MOST_SEGMENTS,
    ORDER,
    SCAN_MARKER,
    WITHIN_SCANS,
)

_PARTS = 4  # of an image: its colours
_WRONG = 99  # instead of bits, where scans do not follow one another
_PAST = 4  # zeros behind the file, so that a marker at its end can be looked behind


def is_whole(file: tf.Tensor) -> tf.Tensor:
    """Whether a JPEG file's segments are as `check_segments` takes them.

    Args:
        file: () string, which begins as a JPEG does.

    Returns:
        () bool.
    """
    size = tf.strings.length(file)
    content = tf.pad(tf.io.decode_raw(file, tf.uint8), [[0, _PAST]])
    ones = tf.cast(tf.where(content == 0xFF)[:, 0], tf.int32)  # few of all bytes
    behind = tf.cast(tf.gather(content, ones + 1), tf.int32)
    is_marker = tf.gather([n not in WITHIN_SCANS for n in range(256)], behind)
    markers = tf.concat([tf.boolean_mask(ones, is_marker), [size]], 0)

    def number_at(place: tf.Tensor) -> tf.Tensor:
        return tf.cast(content[place], tf.int32)

    def more(at: Any, letters: Any, scan: Any, going: tf.Tensor, ids: Any, bits: Any) -> tf.Tensor:
        return going & (tf.strings.length(letters) < MOST_SEGMENTS)

    def walk(at: Any, letters: Any, scan: Any, going: Any, ids: Any, bits: Any) -> Any:
        place = markers[tf.searchsorted(markers, [at])[0]]
        first, last = tf.unstack(tf.searchsorted(ones, [at, place]))
        marker = number_at(place + 1)
        fine = (place < size) & (scan | (last - first == place - at))  # filled with ones, or not
        end, scan = marker == END_MARKER, marker == SCAN_MARKER
        length = tf.where(end, 0, 256 * number_at(place + 2) + number_at(place + 3))
        fine &= end | ((length >= 2) & (place + 2 + length <= size))
        letter = tf.where(fine, tf.gather(LETTERS, marker), "x")

        def segment() -> tf.Tensor:
            return tf.cast(content[place + 4 : place + 2 + length], tf.int32)

        ids = tf.cond(letter == "P", lambda: _parts(segment()), lambda: ids)
        bits = tf.cond(
            fine & scan & (ids[0] >= 0), lambda: _refined(ids, bits, segment()), lambda: bits
        )
        return place + 2 + length, letters + letter, scan, fine & ~end, ids, bits

    ids, bits = tf.fill([_PARTS], -1), tf.fill([_PARTS, COEFFICIENTS], -1)
    start = (tf.constant(len(BEGIN)), tf.constant(""), tf.constant(False), tf.constant(True))
    _, letters, _, _, ids, bits = tf.while_loop(more, walk, (*start, ids, bits))
    whole = tf.reduce_all((bits == 0) | (ids < 0)[:, None])
    return tf.strings.regex_full_match(letters, ORDER) & whole


def _parts(header: tf.Tensor) -> tf.Tensor:
    """(4,) int32: the numbers of a progressive image's parts, by its header; -1 for none."""
    padded = tf.pad(header[6::3][:_PARTS] + 1, [[0, _PARTS]]) - 1
    return tf.ensure_shape(padded[:_PARTS], [_PARTS])


def _refined(ids: tf.Tensor, bits: tf.Tensor, scan: tf.Tensor) -> tf.Tensor:
    """The bits that are left out once the scan of this header came, or wrong ones for ever."""
    scan = tf.pad(scan, [[0, 4]])
    count = tf.minimum(scan[0], (tf.size(scan) - 5) // 2)
    first, last, step = tf.unstack(scan[1 + 2 * count : 4 + 2 * count], 3)
    parts = tf.reduce_any(ids[:, None] == scan[1 : 1 + 2 * count : 2], 1)
    places = tf.range(COEFFICIENTS)
    touched = parts[:, None] & (places >= first) & (places <= last)
    before = tf.where(step < 16, -1, step // 16)
    follows = tf.reduce_all(~touched | (bits == before)) & (first <= last) & (last < COEFFICIENTS)
    refined = tf.where(touched & follows, step % 16, tf.where(follows, bits, _WRONG))
    return tf.ensure_shape(refined, [_PARTS, COEFFICIENTS])
