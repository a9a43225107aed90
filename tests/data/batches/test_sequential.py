from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from data.batches.sequential import read_batches


def collect(dataset: tf.data.Dataset) -> tuple[np.ndarray, np.ndarray]:
    images, labels = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(images), np.concatenate(labels)


@pytest.mark.parametrize("batch_size", [1, 32, 1000, 5000])
def test_every_image_comes_once_in_order_at_each_pass(small, batch_size: int) -> None:
    dataset = read_batches(small.examples, "train", batch_size=batch_size)
    assert dataset.cardinality() == -(-len(small.labels) // batch_size)
    for _ in range(2):
        images, labels = collect(dataset)
        np.testing.assert_array_equal(images, small.images)
        np.testing.assert_array_equal(labels, small.labels)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64


def test_the_last_batch_holds_what_is_left(small) -> None:
    sizes = [len(labels) for _, labels in read_batches(small.examples, "test", batch_size=3)]
    assert sizes == [3, 3, 1]


def test_the_transform_sees_float_pixels_and_nothing_else_is_done(small) -> None:
    def transform(images: tf.Tensor) -> tf.Tensor:
        assert images.dtype == tf.float32
        assert images.shape[1:] == small.examples.spec.shape
        return tf.reshape(images / 255.0, [-1, 60])

    images, labels = collect(
        read_batches(small.examples, "train", batch_size=100, transform=transform)
    )
    np.testing.assert_array_equal(images, small.images.reshape(-1, 60).astype(np.float32) / 255)
    np.testing.assert_array_equal(labels, small.labels)
