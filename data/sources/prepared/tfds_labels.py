"""Find the classes of a prepared dataset: the names that it has, or those that its labels are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.errors import BadDataError, ConfigError
from data.sources.arrays.class_names import choose_class_names, count_labels, infer_class_names
from data.sources.image_files.class_labels import choose_classes
from data.sources.prepared.tfds_dataset import TfdsDataset
from data.sources.prepared.tfds_features import has_text, is_class
from data.sources.prepared.tfds_splits import Range
from data.sources.source_config import SourceConfig

_BATCH = 8192  # labels at a time


@dataclass(frozen=True)
class Labels:
    """The classes, and which of them a stored label is."""

    names: tuple[str, ...]
    first: int = 0  # number of the first class in the data
    numbers: Mapping[str, int] | None = None  # text → number of the class; None: labels are numbers

    def number(self, stored: np.ndarray) -> np.ndarray:
        """Return stored labels, (n,) integers or bytes, as (n,) int64 from 0; -1: no class."""
        if self.numbers is None:
            return stored.astype(np.int64) - self.first
        known = (self.numbers.get(_decode(text), -1) for text in stored)
        return np.fromiter(known, np.int64, len(stored))


def find_labels(
    dataset: TfdsDataset, label: str, feature: Any, ranges: Iterable[Range], config: SourceConfig
) -> Labels:
    """Return the classes; labels without names of their own are all read, but no image is decoded.

    Args:
        dataset: to be read.
        label: name of the feature.
        feature: the `tfds.features.FeatureConnector`: a class, a text or a whole number.
        ranges: the images that are used.
        config: for `class_names` and `first_label`.

    Raises:
        ConfigError: `first_label` is set, and labels are not plain numbers.
        BadDataError: the labels and the given names do not match.
    """
    what, given = dataset.what, config.class_names
    if config.first_label and (is_class(feature) or has_text(feature)):
        raise ConfigError(
            f"ingest.first_label has no use for {what}",
            expected=f"labels that are numbers without names in the feature {label}",
            got=f"{type(feature).__name__}",
            follows="nothing was ingested",
            remedy="remove ingest.first_label",
        )
    if is_class(feature):
        return Labels(choose_class_names(given, tuple(feature.names), what))
    batches = (
        stored
        for images in ranges
        for (stored,) in dataset.read_batches(images, (label,), {}, _BATCH)
    )
    if has_text(feature):
        places: dict[str, str] = {}
        for batch in batches:
            for text in batch:
                places.setdefault(_decode(text), f"a label of {what}")
        names, classes = choose_classes(places, given, what)
        return Labels(names, 0, {text: names.index(name) for text, name in classes.items()})
    counts: Counter[int] = Counter()
    for batch in batches:
        counts.update(count_labels(batch.astype(np.int64) - config.first_label))
    if not counts:
        raise BadDataError(
            f"{what} contains no images",
            expected="one or more images",
            got="0",
            follows="nothing was ingested",
            remedy="prepare the dataset again, or choose another one",
        )
    names = infer_class_names(counts, given, what, config.first_label)
    return Labels(names, config.first_label)


def _decode(text: bytes) -> str:
    """Return a label's text; bytes that are no UTF-8 are refused where classes are chosen."""
    return text.decode("utf-8", "surrogateescape")
