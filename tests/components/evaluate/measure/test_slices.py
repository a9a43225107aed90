from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import tensorflow as tf

from components.evaluate.measure.slices import (
    MOST_VALUES,
    brightness,
    check_number_of_values,
    check_slice_functions,
    slice_columns,
)
from data.batches.parse import parse_raw_examples
from data.errors import ConfigError
from data.spec import ImageSpec

SPEC = ImageSpec(height=2, width=2, channels=1, class_names=("a", "b"))


def record(pixels: int, **lists: tf.train.Feature) -> bytes:
    own = {
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[bytes([pixels] * 4)])),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[1])),
    }
    features = tf.train.Features(feature={**own, **lists})
    return tf.train.Example(features=features).SerializeToString()


def pixels(records: Sequence[bytes]) -> np.ndarray:
    return parse_raw_examples(tf.constant(records), SPEC)[0].numpy()


def values(name: str, *records: bytes) -> list[str]:
    ((_, found),) = slice_columns([name], np.array(records, object), pixels(records))
    return found


def test_a_features_first_value_is_the_slice() -> None:
    kinds = {
        "web": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"web", b"more"])),
        "-7": tf.train.Feature(int64_list=tf.train.Int64List(value=[-7, 3])),
        "0.5": tf.train.Feature(float_list=tf.train.FloatList(value=[0.5])),
        "grün": tf.train.Feature(bytes_list=tf.train.BytesList(value=["grün".encode()])),
        "\N{REPLACEMENT CHARACTER}": tf.train.Feature(
            bytes_list=tf.train.BytesList(value=[b"\xff"])
        ),
        "missing": tf.train.Feature(),
    }
    records = [record(0, kind=feature) for feature in kinds.values()]
    assert values("kind", *records, record(0)) == [*kinds, "missing"]
    empty = tf.train.Feature(int64_list=tf.train.Int64List(value=[]))
    assert values("kind", record(0, kind=empty)) == ["missing"]
    assert values("label", record(0)) == ["1"]


def test_brightness_has_four_bands() -> None:
    levels = [0, 63, 64, 127, 128, 191, 192, 255]
    wanted = ["0-63", "0-63", "64-127", "64-127", "128-191", "128-191", "192-255", "192-255"]
    assert values("brightness", *map(record, levels)) == wanted
    between = np.array([63, 64, 64, 64], np.uint8).reshape(1, 2, 2, 1)  # mean 63.75
    assert brightness(between) == ["0-63"]


def test_several_slices_at_once_and_a_function_by_its_own_name() -> None:
    names = ["label", "data.base.content_hash:hash_images", "brightness"]
    records = [record(1), record(200)]
    found = dict(slice_columns(names, np.array(records, object), pixels(records)))
    assert list(found) == ["label", "hash_images", "brightness"]
    assert all(len(column) == 2 for column in found.values())
    assert len(set(found["hash_images"])) == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("data.base.content_hash:hash_image", "did you mean 'hash_images'"),
        ("no_such_module:f", "cannot import"),
        ("data.base.content_hash:", "invalid import path"),
    ],
)
def test_a_function_that_cannot_be_had(name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_slice_functions(["source", "brightness", name])


def test_a_function_gives_a_value_for_each_image() -> None:
    check_slice_functions(["builtins:len", "builtins:set"])
    with pytest.raises(ConfigError, match="a value for each image"):
        values("numpy:ravel", record(1), record(2))


def test_a_slice_has_a_limited_number_of_values() -> None:
    values = {f"{value:06}" for value in range(MOST_VALUES)}
    check_number_of_values("person", values)
    with pytest.raises(ConfigError, match="person has too many values") as caught:
        check_number_of_values("person", values | {"one more"})
    assert "1,001 values or more: '000000', '000001', '000002' …" in str(caught.value)
