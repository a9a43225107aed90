"""Weights that are no finite numbers are counted, wherever they are."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from serving_export.bundle.weights import count_nonfinite_weights


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [tf.float32, tf.float16, tf.bfloat16])
def test_weights_that_are_no_finite_number_are_counted(bad: float, dtype: tf.DType) -> None:
    values = np.zeros((3, 4))
    values[1, 2] = values[0, 3] = bad
    whole = tf.Variable([7, 8])  # a count, say
    saved = SimpleNamespace(weights=[tf.Variable(values, dtype=dtype), whole])
    assert count_nonfinite_weights(saved) == 2
    assert count_nonfinite_weights(SimpleNamespace(weights=[whole])) == 0
    assert count_nonfinite_weights(SimpleNamespace()) == 0
