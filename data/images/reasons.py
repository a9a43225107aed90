"""Refuse a file in a graph with a reason, and read the reason from the error that it raises.

The reasons are sentences about the file, without its name: "it is empty". Where one ends with a
colon, the size of the image follows.
"""

from __future__ import annotations

import re
from typing import Any

import tensorflow as tf

_MARK = "image file: "  # begins every reason, so that `explain_error` finds it in any error's text
_REASON = re.compile(rf"{_MARK}(?P<reason>[^\]\n]*)\](?: \[(?P<height>\d+)\] \[(?P<width>\d+)\])?")
_DAMAGED = "its pixels are damaged or truncated"
NO_SIZE = "its header is damaged: it has no size"
TOO_LARGE = "it has more pixels than max_megapixels allows:"


def require(
    file: tf.Tensor, checks: dict[str, Any], size: tuple[tf.Tensor, tf.Tensor] | None = None
) -> tf.Tensor:
    """Return the file, but only once all conditions hold; otherwise fail with the first's reason.

    In a graph an assertion alone delays no other operation: a few hundred KB of PNG would be
    decoded to 16,000 x 16,000 pixels before the assertion fails.

    Args:
        file: whatever the next operation reads.
        checks: reason, a sentence without brackets → condition, () bool.
        size: height and width, for reasons that end with a colon.
    """
    reasons, conditions = [_MARK + reason for reason in checks], list(checks.values())
    reason, valid = tf.constant(reasons[0]), conditions[0]
    if len(checks) > 1:  # one assertion for all: loading a model takes time for each operation
        first = tf.argmin(tf.cast(tf.stack([*conditions, False]), tf.int32))
        reason, valid = tf.gather([*reasons, ""], first), tf.equal(first, len(checks))
    check = tf.raw_ops.Assert(condition=valid, data=[reason, *(size or ())])
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(file)


def check_size(height: tf.Tensor, width: tf.Tensor, most_pixels: int) -> dict[str, tf.Tensor]:
    """Return the checks of the size in a header, () int64 each."""
    return {
        NO_SIZE: (height > 0) & (width > 0),
        TOO_LARGE: height * width <= most_pixels,
    }


def explain_error(error: Exception) -> str:
    """Return why a file was refused: one sentence, without names of operations.

    Args:
        error: what TensorFlow raised for `decode`, `fit`, or a function, dataset or model that
            contains them.
    """
    match = _REASON.search(str(error))
    if not match:
        return _DAMAGED
    reason = match["reason"]
    if reason.endswith(":"):
        reason += f" {match['width']} wide, {match['height']} high"
    return reason
