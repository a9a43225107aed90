"""Choose the features of a dataset of TensorFlow Datasets that are the image and its label."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from data.base.visible_text import escape_line
from data.errors import BadDataError, ConfigError, suggest_names
from data.sources.source_config import SourceConfig


class Keys(NamedTuple):
    """Names of the features that are read."""

    image: str
    label: str


def choose_keys(
    features: Mapping[str, Any], supervised_keys: Any, config: SourceConfig, what: str
) -> Keys:
    """Choose the features by the settings, else by `supervised_keys`, usual names and types.

    Args:
        features: name → `tfds.features.FeatureConnector`.
        supervised_keys: of the dataset: None, or two or three structures of names.
        config: for `image_column` and `label_column`.
        what: the dataset, for messages.

    Raises:
        ConfigError: a setting names no image or no label.
        BadDataError: there is no image or no label, or it is not clear which.
    """
    inputs, outputs = (*(supervised_keys or ()), (), ())[:2]
    return Keys(
        _choose("image", is_image, features, (inputs, ["image"]), config.image_column, what),
        _choose("label", is_label, features, (outputs, ["label"]), config.label_column, what),
    )


def is_image(feature: Any) -> bool:
    """Return whether a feature is one image or array: no sequence, video or group of features."""
    import tensorflow_datasets as tfds

    if isinstance(feature, tfds.features.Image):
        return True
    return isinstance(feature, tfds.features.Tensor) and len(feature.shape) in (2, 3)


def is_label(feature: Any) -> bool:
    """Return whether a feature is one label: a class, a text or a whole number."""
    import tensorflow_datasets as tfds

    if not isinstance(feature, tfds.features.Tensor) or feature.shape != ():
        return False
    return has_text(feature) or np.issubdtype(feature.np_dtype, np.integer)


def is_class(feature: Any) -> bool:
    """Return whether a feature is a label with names of its own."""
    import tensorflow_datasets as tfds

    return isinstance(feature, tfds.features.ClassLabel) and feature.num_classes is not None


def has_text(feature: Any) -> bool:
    """Return whether a feature's values are texts."""
    return feature.np_dtype in (np.object_, np.str_, np.bytes_)


def _choose(
    kind: str,
    fits: Callable[[Any], bool],
    features: Mapping[str, Any],
    usual: Sequence[Any],
    setting: str | None,
    what: str,
) -> str:
    """Return the name of the image's or the label's feature.

    `usual` are structures of names; the first that holds a fitting feature decides. Otherwise the
    only image, or the only feature with classes of its own, is taken.
    """
    described = _describe(features)
    if setting is not None:
        if setting in features and fits(features[setting]):
            return setting
        raise ConfigError(
            f"ingest.{kind}_column names no {kind} of {what}",
            expected=f"the name of a feature that is one {kind}: {described}",
            got=repr(setting),
            follows="nothing was ingested",
            remedy=suggest_names(setting, [name for name in features if fits(features[name])]),
        )
    last = _is_plain_image if kind == "image" else is_class
    groups = [[n for n in _names(names) if n in features and fits(features[n])] for names in usual]
    groups.append([name for name, feature in features.items() if last(feature)])
    found = sorted(set(next(filter(None, groups), [])))
    if len(found) == 1:
        return found[0]
    raise BadDataError(
        f"{what} cannot be used as labelled images: "
        + (f"it has several that could be the {kind}" if found else f"it has no {kind}"),
        expected=f"one feature that is one {kind}, named {kind} or by supervised_keys",
        got=", ".join(map(escape_line, found)) or described,
        follows="nothing was ingested",
        remedy=f"--set ingest.{kind}_column=…, one of these"
        if found
        else f"--set ingest.{kind}_column=… if one of the features is it; else choose another "
        "dataset, or write a source of your own (data.sources.Source)",
    )


def _is_plain_image(feature: Any) -> bool:
    import tensorflow_datasets as tfds

    is_mask = isinstance(feature, tfds.features.LabeledImage)
    return isinstance(feature, tfds.features.Image) and not is_mask


def _names(structure: Any) -> Iterator[str]:
    """Yield the names in nested tuples, lists and dicts."""
    if isinstance(structure, str):
        yield structure
    elif isinstance(structure, tuple | list | dict):
        items = structure.values() if isinstance(structure, dict) else structure
        for item in items:
            yield from _names(item)


def _describe(features: Mapping[str, Any]) -> str:
    return ", ".join(f"{escape_line(n)}: {type(f).__name__}" for n, f in features.items())
