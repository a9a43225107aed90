"""What a model says about images whose pixels are at hand, and whose label may be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from components.artifacts import Examples
from data.errors import BadDataError

if TYPE_CHECKING:
    import numpy as np

    from serving_export.predict import Prediction


class Answer(NamedTuple):
    """A model's answer about one image."""

    name: str  # of the image: its file, or test[7]
    image: np.ndarray  # (height, width, channels) uint8, 0-255
    prediction: Prediction
    label: str | None = None  # the class that it has, where that is known

    @property
    def right(self) -> bool | None:
        """None where no label is known."""
        return None if self.label is None else self.label == self.prediction.class_name


def answers_on_examples(
    model_dir: Path, examples: Examples, split: str, indices: Sequence[int]
) -> list[Answer]:
    """Ask a model about images of the examples, from their places in a split, from 0.

    Raises:
        ConfigError: no such split, or no such place in it.
        BadDataError: no model there, or its files changed; it was trained on other images than
            these; the examples are damaged.
    """
    from data.read_examples import read_images
    from serving_export.manifest import read_manifest
    from serving_export.predict import predict_images
    from serving_export.versions import bundle_folder

    images, labels = read_images(examples, split, indices)
    known = read_manifest(bundle_folder(model_dir)).spec
    if known != examples.spec:
        raise BadDataError(
            "the model was trained on other images than these", expected=known, got=examples.spec
        )
    return [
        Answer(f"{split}[{index}]", image, prediction, examples.spec.class_names[label])
        for index, image, prediction, label in zip(
            indices, images, predict_images(model_dir, images), labels.tolist(), strict=True
        )
    ]


def answers_on_files(model_dir: Path, paths: Sequence[Path]) -> list[Answer]:
    """Ask a model about image files.

    Raises:
        BadDataError: as `serving_export.predict.predict_files` does.
    """
    from serving_export.manifest import read_manifest
    from serving_export.predict import predict_files, read_pixels
    from serving_export.versions import bundle_folder

    predictions = predict_files(model_dir, paths)
    spec = read_manifest(bundle_folder(model_dir)).spec
    return [
        Answer(str(path), read_pixels(path, spec), prediction)
        for path, prediction in zip(paths, predictions, strict=True)
    ]
