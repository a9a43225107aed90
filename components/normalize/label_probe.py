"""Does a preprocessing_fn do something to the labels, or with them? Nothing would come of it.

Training takes the labels from the examples, and a served image has none.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from data.errors import ConfigError, summarize_error
from data.examples.artifact import Examples
from data.spec import IMAGE, LABEL
from serving_export.bundle.transform_graph import TransformFn
from serving_export.parity.batch_independence import sample_images

_REMEDY = (
    "return the label as it came, or leave it out; let the source give the labels that are meant, "
    "and see train.class_weights and train.sample_weight_fn for images that count less"
)


def check_labels(examples: Examples, path: Path) -> None:
    """Ask about the same images with two labels each; what comes must not tell which it was.

    Args:
        examples: some images of their train split are asked about.
        path: tensorflow-transform's output folder.

    Raises:
        ConfigError: the graph changes a label, drops images, or gives what depends on the label.
    """
    images, labels = sample_images(examples, "train")
    graph = TransformFn(path).saved.transform_fn
    (wanted,), _ = graph.structured_input_signature

    def ask(asked: np.ndarray) -> dict[str, Any]:
        features = {IMAGE: tf.cast(images, tf.float32), LABEL: tf.constant(asked)}
        try:
            found = graph({name: features[name] for name in wanted})
        except Exception as error:
            raise ConfigError(
                "the preprocessing_fn fails on images of the train split",
                got=summarize_error(error),
                remedy="change the function that normalize.preprocessing_fn names",
            ) from error
        return {name: _as_array(value) for name, value in found.items()}

    others = (labels + 1) % examples.spec.num_classes
    first, second = ask(labels), ask(others)
    for found, asked in ((first, labels), (second, others)):
        if len(found[IMAGE]) != len(asked):
            _refuse("drops images", f"{len(asked)} images", f"{len(found[IMAGE])} of them")
        if LABEL in found and not np.array_equal(found[LABEL], asked):
            _refuse(
                "changes the labels",
                f"those that it was given: {asked[:4].tolist()} …, shape {asked.shape}",
                f"{found[LABEL][:4].tolist()} …, shape {found[LABEL].shape}",
            )
    for name in sorted(first.keys() - {LABEL}):
        if not _same(first[name], second[name]):
            _refuse(
                f"gives another {name!r} where the label is another",
                "the same for an image, whatever its label: a served image has none",
                "a difference between two labels of the same images",
            )


def _refuse(what: str, expected: str, got: str) -> None:
    raise ConfigError(
        f"the preprocessing_fn {what}, which would be thrown away",
        expected=expected,
        got=got,
        follows="nothing was trained",
        remedy=_REMEDY,
    )


def _as_array(value: Any) -> np.ndarray:
    sparse = isinstance(value, tf.SparseTensor)
    return (tf.sparse.to_dense(value) if sparse else tf.convert_to_tensor(value)).numpy()  # type: ignore[no-any-return]


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    numbers = np.issubdtype(one.dtype, np.floating)
    return bool(np.array_equal(one, other, equal_nan=numbers))
