"""Predict the classes of image files or pixels with a model, by its signatures."""

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
    """A model's prediction for one image."""

    class_name: str
    probability: float  # of that class
    probabilities: dict[str, float]  # of all classes, in the model's order


class Answer(NamedTuple):
    """An image with its prediction and, where known, its label."""

    name: str  # of the image: its file, or split and index as in test[7]
    image: np.ndarray  # (height, width, channels) uint8, 0-255
    prediction: Prediction
    label: str | None = None  # its class; None: not known

    @property
    def is_correct(self) -> bool | None:
        """Whether the prediction is the label; None without a label."""
        return None if self.label is None else self.label == self.prediction.class_name


def predict_files(
    model_dir: Path, paths: Sequence[Path], digest: str | None = None
) -> list[Prediction]:
    """Predict the classes of image files.

    Args:
        model_dir: a model's folder, whose highest version is used, or the folder of a version.
        paths: PNG or JPEG files with the size and channels of the training images, as
            `data.image_files.decode_file` accepts them.
        digest: the expected digest of the model; None: the caller trusts the folder.

    Raises:
        BadDataError: no model, another one, or changed files; an image file that is missing, has
            another format or another size. All files are checked before TensorFlow is loaded.
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
        images: (n, height, width, channels) uint8, 0-255, of the shape of the training images.

    Raises:
        BadDataError: no model, another one, or changed files; images of another shape.
    """
    bundle = find_bundle_folder(model_dir)
    digest = verify_bundle(bundle, digest)
    spec = read_manifest(bundle).spec
    if images.shape[1:] != spec.shape:
        raise BadDataError(
            "the images do not have the shape that the model expects",
            expected=spec.shape,
            got=images.shape[1:],
            remedy="convert the images to this height, width and number of channels",
        )
    return _predict(bundle, digest, IMAGES, images)


def answer_for_examples(
    model_dir: Path,
    examples: Examples,
    split: str,
    indices: Sequence[int],
    digest: str | None = None,
) -> list[Answer]:
    """Predict the classes of images of Examples, by their indices in a split.

    `model_dir` and `digest` are as in `predict_files`.

    Raises:
        ConfigError: unknown split, or an index out of range.
        BadDataError: no model, another one, or changed files; the model was trained on other
            classes or another image size; the examples are damaged.
    """
    from data.examples.read_images import read_images

    images, labels = read_images(examples, split, indices)
    spec = read_manifest(find_bundle_folder(model_dir)).spec
    if spec != examples.spec:
        raise BadDataError(
            "the model was trained on other classes or another image size than these examples",
            expected=spec,
            got=examples.spec,
            remedy="choose a model that was trained on these examples",
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
    """Predict the classes of image files and return their pixels too; see `predict_files`.

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

    loaded = load_bundle(bundle, digest)
    names, predictions = loaded.manifest.spec.class_names, []
    for start in range(0, len(images), _BATCH):
        answer = loaded(signature, images[start : start + _BATCH])
        rows = zip(answer[CLASS_INDEX].tolist(), answer[PROBABILITIES].tolist(), strict=True)
        for index, row in rows:
            by_name = dict(zip(names, row, strict=True))
            predictions.append(Prediction(names[index], row[index], by_name))
    return predictions


def read_pixels(path: Path, spec: ImageSpec) -> np.ndarray:
    """Read an image file: (height, width, channels) uint8.

    Raises:
        BadDataError: missing, unreadable, or as for `data.image_files.decode_file`.
    """
    return decode_file(_read(path), spec, str(path))


def read_checked_bytes(path: Path, spec: ImageSpec) -> bytes:
    """Read the bytes of an image file, after checking its format.

    Raises:
        BadDataError: as for `read_pixels`.
    """
    content = _read(path)
    decode_file(content, spec, str(path))
    return content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise BadDataError(
            f"{path} does not exist", expected="an image file", remedy="check the path"
        ) from error
    except OSError as error:
        raise BadDataError(
            f"cannot read {path}",
            expected="an image file",
            got=error.strerror or error,
            remedy="check the path and its permissions",
        ) from error
