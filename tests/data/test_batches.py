from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from data.batches import batches, parse_examples, sound_records
from data.encode import encode
from data.errors import BadDataError
from data.examples import Examples, shard_name
from data.spec import ImageSpec

SHAPE = (4, 5, 3)
COUNT = 3000  # more than the parser takes at a time
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, *SHAPE), dtype=np.uint8)
LABELS = np.arange(COUNT)  # each image is its own class, so that orders can be compared


@pytest.fixture
def examples(tmp_path: Path) -> Examples:
    """All images as train in three shards; the first seven as test."""
    bounds = [0, 1000, 1001, COUNT]
    for index, (start, stop) in enumerate(itertools.pairwise(bounds)):
        records = encode(IMAGES[start:stop], LABELS[start:stop])
        (tmp_path / shard_name("train", index, 3)).write_bytes(records)
    (tmp_path / shard_name("test", 0, 1)).write_bytes(encode(IMAGES[:7], LABELS[:7]))
    names = tuple(map(str, range(COUNT)))
    spec = ImageSpec(height=4, width=5, channels=3, class_names=names)
    counts = {"train": (1,) * COUNT, "test": (1,) * 7 + (0,) * (COUNT - 7)}
    return Examples(path=tmp_path, spec=spec, counts=counts)


def collect(dataset: tf.data.Dataset) -> tuple[np.ndarray, np.ndarray]:
    images, labels = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(images), np.concatenate(labels)


@pytest.mark.parametrize("batch_size", [1, 32, 1000, 5000])
@pytest.mark.parametrize("cache", [True, False])
def test_every_image_comes_once_in_order_at_each_pass(examples, batch_size, cache) -> None:
    dataset = batches(examples, "train", batch_size=batch_size, cache=cache)
    assert dataset.cardinality() == -(-COUNT // batch_size)
    for _ in range(2):
        images, labels = collect(dataset)
        np.testing.assert_array_equal(images, IMAGES)
        np.testing.assert_array_equal(labels, LABELS)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64


def test_the_last_batch_holds_what_is_left(examples: Examples) -> None:
    sizes = [len(labels) for _, labels in batches(examples, "test", batch_size=3)]
    assert sizes == [3, 3, 1]


def test_shuffling_is_a_new_permutation_each_pass_that_the_seed_decides(examples) -> None:
    def orders(seed: int) -> list[list[int]]:
        dataset = batches(examples, "train", batch_size=64, shuffle_seed=seed)
        passes = [collect(dataset) for _ in range(3)]
        for images, labels in passes:
            np.testing.assert_array_equal(images, IMAGES[labels])
            np.testing.assert_array_equal(np.sort(labels), LABELS)
        return [labels.tolist() for _, labels in passes]

    first, again, other = orders(1), orders(1), orders(2)
    assert first == again
    assert first[0] != first[1] != first[2]
    assert first[0] != other[0]


def test_shuffling_is_over_the_whole_split(examples: Examples) -> None:
    _, labels = collect(batches(examples, "train", batch_size=64, shuffle_seed=0))
    moved = np.abs(np.argsort(labels) - LABELS)
    # a uniform permutation moves an element by a third of the length on average
    assert abs(moved.mean() / COUNT - 1 / 3) < 0.03


def test_the_transform_sees_float_pixels_and_nothing_else_is_done(examples: Examples) -> None:
    def transform(images: tf.Tensor) -> tf.Tensor:
        assert images.dtype == tf.float32
        assert images.shape[1:] == SHAPE
        return tf.reshape(images / 255.0, [-1, 60])

    images, labels = collect(batches(examples, "train", batch_size=100, transform=transform))
    np.testing.assert_array_equal(images, IMAGES.reshape(-1, 60).astype(np.float32) / 255)
    np.testing.assert_array_equal(labels, LABELS)


def test_parsing_refuses_records_of_another_kind(examples: Examples) -> None:
    other = dataclasses.replace(examples.spec, width=6)
    records = [tf.train.Example().SerializeToString()]
    for serialized, spec in ((records, examples.spec), ([b"no example"], examples.spec)):
        with pytest.raises(tf.errors.InvalidArgumentError):
            parse_examples(tf.constant(serialized), spec)
    (shard,) = examples.shards("test")
    whole = next(iter(tf.data.TFRecordDataset(str(shard)).batch(7)))
    with pytest.raises(tf.errors.InvalidArgumentError):
        parse_examples(whole, other)
    np.testing.assert_array_equal(parse_examples(whole, examples.spec)[0], IMAGES[:7])


def flipped(content: bytes) -> bytes:
    return content[:200] + bytes([content[200] ^ 1]) + content[201:]


def fit(examples: Examples) -> None:
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(COUNT)]
    model = keras.Sequential(layers)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(batches(examples, "test", batch_size=2, shuffle_seed=0), shuffle=False, verbose=0)


@pytest.mark.parametrize("reader", [fit, lambda e: list(batches(e, "test", batch_size=2))])
@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (flipped, "corrupted record at"),
        (lambda content: content[:-1], "truncated record"),
        (lambda content: content[: len(content) // 7 * 6], "contained only 6"),
        (lambda content: content + content, "contained at least 8"),
        (lambda content: b"", "contained only 0"),
        (lambda content: encode(np.zeros((7, 4, 4, 3), np.uint8), LABELS[:7]), "reshape"),
    ],
)
def test_a_shard_that_is_not_what_it_was(examples: Examples, reader, edit, words: str) -> None:
    with sound_records(examples):
        reader(examples)
    (shard,) = examples.shards("test")
    shard.write_bytes(edit(shard.read_bytes()))
    with pytest.raises(BadDataError) as caught, sound_records(examples):
        reader(examples)
    assert words in (caught.value.got or "")
    assert "{{" not in str(caught.value)


def test_the_models_own_errors_are_let_through(examples: Examples) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError), sound_records(examples):
        tf.reshape(tf.zeros(3), [2, 2])
