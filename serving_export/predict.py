"""Ask a model about image files or pixels, by its own signatures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from data.errors import BadDataError
from data.examples.artifact import Examples
from data.image_files import decode_file
from data.spec import ImageSpec
from serving_export.bundle.manifest import (
    CLASS_INDEX,
    ENCODED,
    IMAGES,
    PROBABILITIES,
    read_manifest,
    verify_bundle,
)
from serving_export.model_store.layout import find_bundle_folder

if TYPE_CHECKING:
    import numpy as np

_BATCH = 64  # images


class Prediction(NamedTuple):
    """What a model says about one image."""

    class_name: str
    probability: float  # of that class
    probabilities: dict[str, float]  # of all classes, in the model's order


class Answer(NamedTuple):
    """A model's answer about one image."""

    name: str  # of the image: its file, or test[7]
    image: np.ndarray  # (height, width, channels) uint8, 0-255
    prediction: Prediction
    label: str | None = None  # the class that it has, where that is known

    @property
    def is_correct(self) -> bool | None:
        """None where no label is known."""
        return None if self.label is None else self.label == self.prediction.class_name


def predict_files(
    model_dir: Path, paths: Sequence[Path], digest: str | None = None
) -> list[Prediction]:
    """Predict the classes of image files.

    Args:
        model_dir: a model's folder, of which the highest version answers, or one version.
        paths: PNG or JPEG files of the size and channels that the model was trained on, as
            `data.image_files.decode_file` takes them.
        digest: of the model that is meant; None: whoever calls vouches for what lies there.

    Raises:
        BadDataError: no model there, another, or its files changed; a file that is missing, no
            such image, or of another size. All files are checked before TensorFlow is loaded.
    """
    bundle = find_bundle_folder(model_dir)
    digest = verify_bundle(bundle, digest)
    spec = read_manifest(bundle).spec
    files = [read_checked_bytes(Path(path), spec) for path in paths]
    return _predict(bundle, digest, ENCODED, files)


def predict_images(
    model_dir: Path, images: np.ndarray, digest: str | None = None
) -> list[Prediction]:
    """Predict the classes of images.

    Args:
        model_dir, digest: as in `predict_files`.
        images: (n, height, width, channels) uint8, 0-255, of the shape that the model knows.

    Raises:
        BadDataError: no model there, another, or its files changed; images of another shape.
    """
    bundle = find_bundle_folder(model_dir)
    digest = verify_bundle(bundle, digest)
    spec = read_manifest(bundle).spec
    if images.shape[1:] != spec.shape:
        raise BadDataError(
            "these are no images for this model", expected=spec.shape, got=images.shape[1:]
        )
    return _predict(bundle, digest, IMAGES, images)


def answer_for_examples(
    model_dir: Path,
    examples: Examples,
    split: str,
    indices: Sequence[int],
    digest: str | None = None,
) -> list[Answer]:
    """Ask a model about images of the examples, from their places in a split, from 0.

    `model_dir` and `digest` are as in `predict_files`.

    Raises:
        ConfigError: no such split, or no such place in it.
        BadDataError: no model there, another, or its files changed; it was trained on other images
            than these; the examples are damaged.
    """
    from data.examples.read_images import read_images

    images, labels = read_images(examples, split, indices)
    known = read_manifest(find_bundle_folder(model_dir)).spec
    if known != examples.spec:
        raise BadDataError(
            "the model was trained on other images than these", expected=known, got=examples.spec
        )
    predictions = predict_images(model_dir, images, digest)
    return [
        Answer(f"{split}[{index}]", image, prediction, examples.spec.class_names[label])
        for index, image, prediction, label in zip(
            indices, images, predictions, labels.tolist(), strict=True
        )
    ]


def answer_for_files(
    model_dir: Path, paths: Sequence[Path], digest: str | None = None
) -> list[Answer]:
    """Ask a model about image files; all arguments are as in `predict_files`.

    Raises:
        BadDataError: as `predict_files` does.
    """
    predictions = predict_files(model_dir, paths, digest)
    spec = read_manifest(find_bundle_folder(model_dir)).spec
    return [
        Answer(str(path), read_pixels(path, spec), prediction)
        for path, prediction in zip(paths, predictions, strict=True)
    ]


def _predict(
    bundle: Path, digest: str, signature: str, images: Sequence[bytes] | np.ndarray
) -> list[Prediction]:
    from serving_export.bundle.saved_model import load_bundle

    ask = load_bundle(bundle, digest)
    names, predictions = ask.manifest.spec.class_names, []
    for start in range(0, len(images), _BATCH):
        answer = ask(signature, images[start : start + _BATCH])
        rows = zip(answer[CLASS_INDEX].tolist(), answer[PROBABILITIES].tolist(), strict=True)
        for index, row in rows:
            by_name = dict(zip(names, row, strict=True))
            predictions.append(Prediction(names[index], row[index], by_name))
    return predictions


def read_pixels(path: Path, spec: ImageSpec) -> np.ndarray:
    """(height, width, channels) uint8 of an image file such as the model knows.

    Raises:
        BadDataError: missing, unreadable, or as `data.image_files.decode_file`.
    """
    return decode_file(_read(path), spec, str(path))


def read_checked_bytes(path: Path, spec: ImageSpec) -> bytes:
    """The bytes of a file after checking that it is an image such as the model knows.

    Raises:
        BadDataError: as `read_pixels`.
    """
    content = _read(path)
    decode_file(content, spec, str(path))
    return content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise BadDataError(f"{path} does not exist", expected="an image file") from error
    except OSError as error:
        raise BadDataError(f"cannot read {path}", expected="an image file", got=error) from error
