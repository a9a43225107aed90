"""Check that a preprocessing_fn neither changes labels nor uses them.

Such changes would be lost: training takes the labels from the examples, and a served image has no
label.
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


def check_labels(examples: Examples, path: Path) -> None:
    """Transform the same images with two labels each, and compare the results.

    Args:
        examples: some images of the train split are used.
        path: the output folder of tensorflow-transform.

    Raises:
        ConfigError: the graph changes labels, drops images, or its values depend on the label.
    """
    images, labels = sample_images(examples, "train")
    graph = TransformFn(path).saved.transform_fn
    (inputs,), _ = graph.structured_input_signature

    def transform(labels: np.ndarray) -> dict[str, Any]:
        features = {IMAGE: tf.cast(images, tf.float32), LABEL: tf.constant(labels)}
        try:
            outputs = graph({name: features[name] for name in inputs})
        except Exception as error:
            raise ConfigError(
                "the preprocessing_fn fails on images of the train split",
                got=summarize_error(error),
                remedy="fix the function that normalize.preprocessing_fn names",
            ) from error
        return {name: _to_array(value) for name, value in outputs.items()}

    others = (labels + 1) % examples.spec.num_classes
    first, second = transform(labels), transform(others)
    for outputs, given in ((first, labels), (second, others)):
        if len(outputs[IMAGE]) != len(given):
            _refuse(
                "drops images, and training would not",
                f"{len(given)} images",
                f"{len(outputs[IMAGE])} images",
                "leave images out in the source, or give them weight 0: train.sample_weight_fn",
            )
        if LABEL in outputs and not np.array_equal(outputs[LABEL], given):
            _refuse(
                "changes the labels, and training would ignore that",
                f"the labels unchanged: {given[:4].tolist()} …, shape {given.shape}",
                f"{outputs[LABEL][:4].tolist()} …, shape {outputs[LABEL].shape}",
                "return the label unchanged, or do not return it; correct labels in the source",
            )
    for name in sorted(first.keys() - {LABEL}):
        if not _same(first[name], second[name]):
            _refuse(
                f"returns another {name!r} for another label",
                "the same values for an image with any label: a served image has none",
                "a difference between two labels of the same images",
                "compute it from the image alone; to weight images by their label use "
                "train.class_weights or train.sample_weight_fn",
            )


def _refuse(what: str, expected: str, got: str, remedy: str) -> None:
    raise ConfigError(
        f"the preprocessing_fn {what}",
        expected=expected,
        got=got,
        follows="nothing was trained",
        remedy=remedy,
    )


def _to_array(value: Any) -> np.ndarray:
    sparse = isinstance(value, tf.SparseTensor)
    return (tf.sparse.to_dense(value) if sparse else tf.convert_to_tensor(value)).numpy()  # type: ignore[no-any-return]


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    numbers = np.issubdtype(one.dtype, np.floating)
    return bool(np.array_equal(one, other, equal_nan=numbers))
