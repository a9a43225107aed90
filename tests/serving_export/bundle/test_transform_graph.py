from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow


def test_equals_numpy_eagerly_and_inside_tf_data(center: Path, digits: Any) -> None:
    import tensorflow as tf

    from serving_export.bundle.transform_graph import TransformFn

    transform = TransformFn(center)
    pixels = digits.images.astype(np.float32)
    wanted = (pixels - pixels[:100].mean()) / np.float32(255)
    eager = transform(tf.constant(pixels)).numpy()
    np.testing.assert_allclose(eager, wanted, rtol=0, atol=1e-6)
    dataset = tf.data.Dataset.from_tensor_slices(pixels).batch(128).map(transform)
    # TensorFlow may divide in one place and multiply by the inverse in another: 1 unit in the last
    inside = np.concatenate(list(dataset.as_numpy_iterator()))
    np.testing.assert_allclose(inside, eager, rtol=0, atol=1e-7)


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_any_batch_size(divide: Path, digits: Any, batch: int) -> None:
    from serving_export.bundle.transform_graph import TransformFn

    pixels = digits.images[:batch].astype(np.float32)
    transformed = TransformFn(divide)(pixels).numpy()
    assert transformed.shape == pixels.shape
    np.testing.assert_allclose(transformed, pixels / np.float32(255), rtol=2e-7)


def test_tables_and_their_files_travel_with_it(
    make_transform: Callable[..., Path], digits: Any, tmp_path: Path
) -> None:
    """A vocabulary is a lookup table and an asset file; both must be in what is exported."""
    import tensorflow as tf
    import tensorflow_transform as tft

    from serving_export.bundle.transform_graph import TransformFn

    def preprocess(features: dict[str, Any]) -> dict[str, Any]:
        corner = tf.cast(features["image"][:, 0, 3, 0], tf.int64)
        rank = tft.compute_and_apply_vocabulary(corner)
        return {"image": tf.cast(rank, tf.float32)[:, tf.newaxis], "label": features["label"]}

    path = make_transform(preprocess)
    module = TransformFn(path)
    pixels = tf.constant(digits.images[:100].astype(np.float32))
    wanted = module(pixels).numpy()
    signature = [tf.TensorSpec([None, 8, 8, 1], tf.float32)]
    module.call = tf.function(module.__call__, input_signature=signature)
    tf.saved_model.save(module, str(tmp_path / "saved"))
    shutil.rmtree(path)
    again = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_array_equal(again.call(pixels).numpy(), wanted)
    assert len(np.unique(wanted)) > 2
