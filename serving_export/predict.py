"""Predict the classes of image files or pixels with a model, by its own graph."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from data.errors import BadDataError
from data.examples.artifact import Examples
from serving_export.bundle.manifest import (
    CLASS_INDEX,
    IMAGES,
    PROBABILITIES,
    read_manifest,
    verify_bundle,
)
from serving_export.image_paths import read_bytes
from serving_export.model_store.layout import find_bundle_folder

if TYPE_CHECKING:
    import numpy as np

    from serving_export.bundle.saved_model import Bundle

_BATCH = 64  # images,
_BATCH_BYTES = 64 << 20  # but no more bytes of pixels than this, or one image
_MOST_THREADS = 8  # each may hold a decoded photograph


class Prediction(NamedTuple):
    """A model's prediction for one image."""

    class_name: str
    probability: float  # of that class
    probabilities: dict[str, float]  # of all classes, in the model's order


class Answer(NamedTuple):
    """An image with its prediction and, where known, its label."""

    name: str  # of the image: its file, or split and index as in test[7]
    image: np.ndarray  # (height, width, channels) uint8, 0-255, as the model was given it
    prediction: Prediction
    label: str | None = None  # its class; None: not known

    @property
    def is_correct(self) -> bool | None:
        """Whether the prediction is the label; None without a label."""
        return None if self.label is None else self.label == self.prediction.class_name


class BadImage(NamedTuple):
    """An image file without a prediction."""

    name: str
    problem: str  # why, in one line


def answer_for_files(
    model_dir: Path, paths: Iterable[Path], digest: str | None = None
) -> Iterator[Answer | BadImage]:
    """Predict the classes of image files, in their order; a bad file is an outcome, not an error.

    The files are decoded and fitted by the model's own graph, on all cores. Few of them are held in
    memory, however many there are.

    Args:
        model_dir: a model's folder, whose highest version is used, or the folder of a version.
        paths: image files of any size that the model's geometry takes.
        digest: the expected digest of the model; None: the caller trusts the folder.

    Raises:
        BadDataError: no model, another one, or changed files.
    """
    loaded = _load(model_dir, digest)
    batch: list[tuple[str, np.ndarray | str]] = []
    good = 0
    for name, image in _read_files(loaded, paths):
        batch.append((name, image))
        good += not isinstance(image, str)
        if good == _batch_size(loaded):
            yield from _answer_batch(loaded, batch)
            batch, good = [], 0
    yield from _answer_batch(loaded, batch)


def predict_files(
    model_dir: Path, paths: Sequence[Path], digest: str | None = None
) -> list[Prediction]:
    """Predict the classes of image files.

    Args:
        model_dir, paths, digest: as in `answer_for_files`.

    Raises:
        BadDataError: no model, another one, or changed files; a bad file.
    """
    predictions = []
    for answer in answer_for_files(model_dir, paths, digest):
        if isinstance(answer, BadImage):
            raise BadDataError(
                f"{answer.name} has no prediction",
                expected="an image file that the model takes",
                got=answer.problem,
                remedy="fix or leave out the file; answer_for_files goes on after a bad one",
            )
        predictions.append(answer.prediction)
    return predictions


def predict_images(
    model_dir: Path, images: np.ndarray, digest: str | None = None
) -> list[Prediction]:
    """Predict the classes of images.

    Args:
        model_dir, digest: as in `answer_for_files`.
        images: (n, height, width, channels) uint8, 0-255, of the shape of the training images.

    Raises:
        BadDataError: no model, another one, or changed files; images of another shape.
    """
    spec = read_manifest(find_bundle_folder(model_dir)).spec
    if images.shape[1:] != spec.shape:
        raise BadDataError(
            "the images do not have the shape that the model expects",
            expected=spec.shape,
            got=images.shape[1:],
            remedy="convert the images to this height, width and number of channels",
        )
    loaded = _load(model_dir, digest)
    size = _batch_size(loaded)
    starts = range(0, len(images), size)
    return [p for start in starts for p in _predict(loaded, images[start : start + size])]


def answer_for_examples(
    model_dir: Path,
    examples: Examples,
    split: str,
    indices: Sequence[int],
    digest: str | None = None,
) -> list[Answer]:
    """Predict the classes of images of Examples, by their indices in a split.

    `model_dir` and `digest` are as in `answer_for_files`.

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


def _load(model_dir: Path, digest: str | None) -> Bundle:
    bundle = find_bundle_folder(model_dir)
    digest = verify_bundle(bundle, digest)
    from serving_export.bundle.saved_model import load_bundle

    return load_bundle(bundle, digest)


def _batch_size(loaded: Bundle) -> int:
    return max(1, min(_BATCH, _BATCH_BYTES // loaded.manifest.spec.image_bytes))


def _read_files(loaded: Bundle, paths: Iterable[Path]) -> Iterator[tuple[str, np.ndarray | str]]:
    """Yield the name of each file with its pixels, or with what is wrong with it."""
    threads = min(_MOST_THREADS, len(os.sched_getaffinity(0)))
    waiting: deque[tuple[str, Future[np.ndarray | str]]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for path in paths:
            waiting.append((str(path), pool.submit(_read_file, loaded, path)))
            if len(waiting) > 2 * threads:  # a few files ahead
                name, outcome = waiting.popleft()
                yield name, outcome.result()
        for name, outcome in waiting:
            yield name, outcome.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _read_file(loaded: Bundle, path: Path) -> np.ndarray | str:
    try:
        return loaded.read_image(read_bytes(path))
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    except BadDataError as error:
        return str(error.got)


def _answer_batch(
    loaded: Bundle, batch: Sequence[tuple[str, np.ndarray | str]]
) -> Iterator[Answer | BadImage]:
    import numpy as np

    images = [image for _, image in batch if not isinstance(image, str)]
    predictions = iter(_predict(loaded, np.stack(images)) if images else ())
    for name, image in batch:
        if isinstance(image, str):
            yield BadImage(name, image)
        else:
            yield Answer(name, image, next(predictions))


def _predict(loaded: Bundle, images: np.ndarray) -> list[Prediction]:
    answer = loaded(IMAGES, images)
    names = loaded.manifest.spec.class_names
    rows = zip(answer[CLASS_INDEX].tolist(), answer[PROBABILITIES].tolist(), strict=True)
    return [
        Prediction(names[index], row[index], dict(zip(names, row, strict=True)))
        for index, row in rows
    ]
