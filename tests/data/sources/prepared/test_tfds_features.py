"""Which features are the image and the label."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow_datasets as tfds

from data.errors import BadDataError, ConfigError
from data.sources import SourceConfig
from data.sources.prepared.tfds_features import choose_keys

F = tfds.features
PICTURE, CLASS = F.Image(shape=(6, 5, 3)), F.ClassLabel(names=["a", "b"])


def choose(features: dict, keys=None, **settings) -> tuple[str, str]:
    return choose_keys(features, keys, SourceConfig(**settings), "it")


@pytest.mark.parametrize(
    ("features", "keys", "chosen"),
    [
        ({"image": PICTURE, "label": CLASS}, None, ("image", "label")),
        ({"photo": PICTURE, "kind": CLASS}, None, ("photo", "kind")),
        (
            {"photo": PICTURE, "image": PICTURE, "label": CLASS, "b": CLASS},
            None,
            ("image", "label"),
        ),
        ({"photo": PICTURE, "image": PICTURE, "kind": CLASS}, ("photo", "kind"), ("photo", "kind")),
        ({"x": PICTURE, "y": CLASS, "w": F.Scalar(np.float32)}, ("x", "y", "w"), ("x", "y")),
        (
            {"x": PICTURE, "age": F.Scalar(np.int64), "y": CLASS, "z": F.Text()},
            ({"a": "x", "b": ("age",)}, ("y",)),
            ("x", "y"),
        ),
        ({"x": PICTURE, "y": F.Text()}, ("x", "y"), ("x", "y")),
        ({"image": PICTURE, "label": F.Scalar(np.int64)}, None, ("image", "label")),
        (
            {"image": F.Tensor(shape=(6, 5), dtype=np.uint8), "label": CLASS},
            None,
            ("image", "label"),
        ),
        (
            {"photo": PICTURE, "mask": F.LabeledImage(labels=2, shape=(6, 5, 1)), "label": CLASS},
            None,
            ("photo", "label"),
        ),
    ],
)
def test_what_is_clear_is_chosen(features: dict, keys, chosen: tuple[str, str]) -> None:
    assert choose(features, keys) == chosen


@pytest.mark.parametrize(
    ("features", "keys", "words"),
    [
        ({"x": PICTURE, "y": PICTURE, "label": CLASS}, None, "several that could be the image"),
        ({"a": PICTURE, "b": PICTURE, "label": CLASS}, (("a", "b"), "label"), "could be the image"),
        ({"image": PICTURE, "a": CLASS, "b": CLASS}, None, "several that could be the label"),
        ({"image": F.Sequence(PICTURE), "label": CLASS}, None, "it has no image"),
        ({"image": F.FeaturesDict({"l": PICTURE}), "label": CLASS}, None, "it has no image"),
        ({"image": F.Video(shape=(None, 6, 5, 3)), "label": CLASS}, None, "it has no image"),
        ({"image": F.Text(), "label": CLASS}, None, "it has no image"),
        ({"image": PICTURE, "label": F.Sequence(CLASS)}, None, "it has no label"),
        ({"image": PICTURE, "label": F.FeaturesDict({"a": CLASS})}, None, "it has no label"),
        ({"image": PICTURE, "label": F.Scalar(np.float32)}, None, "it has no label"),
        ({}, None, "it has no image"),
    ],
)
def test_what_is_not_clear_is_refused_in_words(features: dict, keys, words: str) -> None:
    with pytest.raises(BadDataError, match=words) as caught:
        choose(features, keys)
    assert "_column=" in str(caught.value)


def test_settings_name_the_features() -> None:
    features = {"x": PICTURE, "y": PICTURE, "a": CLASS, "b": F.Text()}
    assert choose(features, image_column="y", label_column="b") == ("y", "b")
    with pytest.raises(ConfigError, match="image_column names no image"):
        choose(features, image_column="z", label_column="b")
    with pytest.raises(ConfigError, match="label_column names no label"):
        choose(features, image_column="x", label_column="y")
