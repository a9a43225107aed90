from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import BadDataError, ConfigError, EnvironmentTrouble
from data.examples.artifact import Examples, shard_name
from data.examples.read_images import read_images
from data.examples.tf_example import encode
from data.spec import ImageSpec

RNG = np.random.default_rng(0)
SPEC = ImageSpec(height=5, width=4, channels=3, class_names=tuple(map(str, range(300))))
IMAGES = RNG.integers(0, 256, (23, *SPEC.shape), dtype=np.uint8)
LABELS = np.array([*range(20), 127, 128, 299])


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    return written(tmp_path_factory.mktemp("examples"))


def written(path: Path) -> Examples:
    """The 23 images in three shards, the second of them empty."""
    for number, part in enumerate((slice(0, 11), slice(11, 11), slice(11, 23))):
        (path / shard_name("test", number, 3)).write_bytes(encode(IMAGES[part], LABELS[part]))
    return Examples(path=path, spec=SPEC, counts={"test": tuple(np.bincount(LABELS))})


@given(st.lists(st.integers(0, 22), max_size=30))
def test_any_places_in_any_order_give_these_images(examples: Examples, indices: list[int]) -> None:
    images, labels = read_images(examples, "test", indices)
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
    np.testing.assert_array_equal(images, IMAGES[indices])
    np.testing.assert_array_equal(labels, LABELS[indices])


@pytest.mark.slow
def test_they_are_read_as_tensorflow_reads_them_whoever_wrote_them(tmp_path: Path) -> None:
    import tensorflow as tf

    shard = str(tmp_path / shard_name("test", 0, 1))
    with tf.io.TFRecordWriter(shard) as writer:
        for image, label in zip(IMAGES, LABELS.tolist(), strict=True):
            features = {
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
                "more": tf.train.Feature(float_list=tf.train.FloatList(value=[1.5])),
                "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image.tobytes()])),
            }
            message = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(message.SerializeToString())
    found = read_images(written(tmp_path), "test", range(11))
    np.testing.assert_array_equal(found.images, IMAGES[:11])
    np.testing.assert_array_equal(found.labels, LABELS[:11])


@pytest.mark.parametrize("index", [-1, 23, 10**12])
def test_a_place_that_is_not_there_is_told_with_the_number_of_images(
    examples: Examples, index: int
) -> None:
    with pytest.raises(ConfigError, match=f"no image {index}") as caught:
        read_images(examples, "test", [0, index])
    assert "0 to 22: the split has 23 images" in str(caught.value)


def test_a_split_that_is_not_there(examples: Examples) -> None:
    with pytest.raises(ConfigError, match="no split"):
        read_images(examples, "tset", [0])


@given(st.data())
def test_a_damaged_shard_is_told_or_the_image_is_whole(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damaged")
    examples = written(path)
    shard = path / shard_name("test", 2, 3)
    content = bytearray(shard.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[place] ^= data.draw(st.integers(1, 255))
    else:
        del content[place:]
    shard.write_bytes(content)
    index = data.draw(st.integers(11, 22))
    try:
        images, labels = read_images(examples, "test", [index])
    except BadDataError:
        return
    np.testing.assert_array_equal(images[0], IMAGES[index])
    assert labels[0] == LABELS[index]


def test_a_label_that_is_no_class(tmp_path: Path) -> None:
    (tmp_path / shard_name("test", 0, 1)).write_bytes(encode(IMAGES[:1], np.array([300])))
    examples = Examples(path=tmp_path, spec=SPEC, counts={"test": (1,)})
    with pytest.raises(BadDataError, match="cannot be read"):
        read_images(examples, "test", [0])


def test_missing_shards(tmp_path: Path) -> None:
    examples = written(tmp_path)
    (tmp_path / shard_name("test", 2, 3)).unlink()
    with pytest.raises(BadDataError, match="cannot be read"):
        read_images(examples, "test", [20])
    (tmp_path / shard_name("test", 0, 3)).unlink()
    (tmp_path / shard_name("test", 0, 3)).mkdir()
    with pytest.raises(EnvironmentTrouble, match="cannot read"):
        read_images(examples, "test", [0])


def test_images_of_another_size(tmp_path: Path) -> None:
    examples = written(tmp_path)
    other = dataclasses.replace(examples, spec=dataclasses.replace(SPEC, width=5))
    with pytest.raises(BadDataError, match="cannot be read") as caught:
        read_images(other, "test", [0])
    assert caught.value.got == "60 bytes of pixels"
