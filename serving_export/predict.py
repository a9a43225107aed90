"""Ask a model about image files or pixels, by its own signatures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from data.errors import BadDataError
from data.pixels import decode_file
from data.spec import ImageSpec
from serving_export.manifest import (
    CLASS_INDEX,
    ENCODED,
    IMAGES,
    PROBABILITIES,
    read_manifest,
    verify_bundle,
)
from serving_export.versions import bundle_folder

if TYPE_CHECKING:
    import numpy as np

_BATCH = 64  # images


class Prediction(NamedTuple):
    """What a model says about one image."""

    class_name: str
    probability: float  # of that class
    probabilities: dict[str, float]  # of all classes, in the model's order


def predict_files(model_dir: Path, paths: Sequence[Path]) -> list[Prediction]:
    """Predict the classes of image files.

    Args:
        model_dir: a model's folder, of which the highest version answers, or one version.
        paths: PNG or JPEG files of the size and channels that the model was trained on, as
            `data.pixels.decode_file` takes them.

    Raises:
        BadDataError: no model there, or its files changed; a file that is missing, no such image,
            or of another size. All files are checked before TensorFlow is loaded.
    """
    bundle = bundle_folder(model_dir)
    digest = verify_bundle(bundle)
    spec = read_manifest(bundle).spec
    files = [checked_bytes(Path(path), spec) for path in paths]
    return _predict(bundle, digest, ENCODED, files)


def predict_images(model_dir: Path, images: np.ndarray) -> list[Prediction]:
    """Predict the classes of images.

    Args:
        model_dir: as in `predict_files`.
        images: (n, height, width, channels) uint8, 0-255, of the shape that the model knows.

    Raises:
        BadDataError: no model there, or its files changed; images of another shape.
    """
    bundle = bundle_folder(model_dir)
    digest = verify_bundle(bundle)
    spec = read_manifest(bundle).spec
    if images.shape[1:] != spec.shape:
        raise BadDataError(
            "these are no images for this model", expected=spec.shape, got=images.shape[1:]
        )
    return _predict(bundle, digest, IMAGES, images)


def _predict(
    bundle: Path, digest: str, signature: str, images: Sequence[bytes] | np.ndarray
) -> list[Prediction]:
    from serving_export.saved_model import load_bundle

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
        BadDataError: missing, unreadable, or as `data.pixels.decode_file`.
    """
    return decode_file(_read(path), spec, str(path))


def checked_bytes(path: Path, spec: ImageSpec) -> bytes:
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
