"""Refuse a file in a graph with a reason, and read the reason from the error that it raises.

The reasons are sentences about the file, without its name: "it is empty".
"""

from __future__ import annotations

import re

import tensorflow as tf

_MARK = "image file: "  # begins every reason, so that `explain_error` finds it in any error's text
# In a graph "[image file: …] [5] [6]", eagerly "b'image file: …'\n5\n6".
_REASON = re.compile(
    rf"{_MARK}(?P<reason>[^\]\n]*?)[\]'](?:\]? ?\[?\s*(?P<width>\d+)\]? ?\[?\s*(?P<height>\d+))?"
)
_LARGEST = 2**31 - 1
_DAMAGED = "its pixels are damaged or truncated"


def require(
    condition: tf.Tensor,
    reason: str,
    file: tf.Tensor,
    size: tuple[tf.Tensor, tf.Tensor] | None = None,
) -> tf.Tensor:
    """Return the file, but only once the condition holds; otherwise fail with the reason.

    In a graph an assertion alone delays no other operation: a few hundred KB of PNG would be
    decoded to 16,000 x 16,000 pixels before the assertion fails.

    Args:
        condition: () bool.
        reason: one sentence without brackets.
        file: whatever the next operation reads.
        size: height and width, which are told as well.
    """
    # TensorFlow makes a condition of an assertion that tells other types than these.
    numbers = [tf.cast(tf.minimum(side, _LARGEST), tf.int32) for side in reversed(size or ())]
    with tf.control_dependencies([tf.debugging.Assert(condition, [_MARK + reason, *numbers])]):
        return tf.identity(file)


def check_size(
    file: tf.Tensor, height: tf.Tensor, width: tf.Tensor, most_pixels: tf.Tensor
) -> tf.Tensor:
    """Return the file, but only once the size in its header, () int64 each, is within the limit."""
    file = require((height > 0) & (width > 0), "its header is damaged: it has no size", file)
    reason = "it has more pixels than max_megapixels allows"
    return require(height * width <= most_pixels, reason, file, (height, width))


def explain_error(error: Exception) -> str:
    """Return why a file was refused: one sentence, without names of operations.

    Args:
        error: what TensorFlow raised for `decode`, `fit`, or a function, dataset or model that
            contains them.
    """
    match = _REASON.search(str(error))
    if not match:
        return _DAMAGED
    size = f": {match['width']} wide, {match['height']} high" if match["width"] else ""
    return match["reason"] + size
