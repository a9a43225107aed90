"""Draw all pictures that the artifacts of a run allow, into one folder."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from components.artifacts import Examples, Model
from data.errors import PenstockError, summarize_error
from data.files.documents import read_document
from data.files.durable_files import translate_disk_errors
from serving_export.predict import Answer, answer_for_examples

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_IN_SHEET = 25  # images with class names
_PREDICTED = 15  # images with predictions
_MOST_BYTES = 256 << 20  # of images in memory: fewer images are shown if they are very large


class Album(NamedTuple):
    """The pictures that were drawn, and a line for each that could not be drawn."""

    files: tuple[Path, ...] = ()
    problems: tuple[str, ...] = ()


def draw_album(examples: Examples | None, model: Model | None, folder: Path) -> Album:
    """Draw the pictures that these artifacts allow. A failed picture does not stop the others.

    Args:
        examples: for `examples.png`, 25 images of train, and `image.png`, the raw values of the
            first image of test.
        model: for `learning_curves.png`; with the examples also for `prediction.png` and
            `predictions.png`, the first 1 and 15 images of test.
        folder: created if it is missing; pictures with these names are replaced.
    """
    files, problems = [], []
    for name, draw in _list_pictures(examples, model):
        try:
            from components.report.pictures.canvas import save

            with translate_disk_errors(f"cannot make {folder}"):
                folder.mkdir(parents=True, exist_ok=True)
            page = draw()
            if page is not None:
                files.append(save(page, folder / name))
        except Exception as error:
            reason = error.what if isinstance(error, PenstockError) else summarize_error(error)
            problems.append(f"{name} could not be drawn: {reason}")
    return Album(tuple(files), tuple(problems))


def _list_pictures(
    examples: Examples | None, model: Model | None
) -> Iterator[tuple[str, Callable[[], Axes | None]]]:
    """Yield file names, each with a function that draws the picture, or returns None."""
    if examples:
        split = "test" if "test" in examples.counts else next(reversed(examples.counts), "test")
        yield "examples.png", functools.partial(_draw_examples, examples)
        yield "image.png", functools.partial(_draw_first_image, examples, split)
        if model:

            @functools.cache
            def predict() -> list[Answer]:
                indices = first_indices(_PREDICTED, examples, split)
                return answer_for_examples(model.bundle, examples, split, indices, model.digest)

            yield "prediction.png", lambda: _draw_predictions(predict()[:1])
            yield "predictions.png", lambda: _draw_predictions(predict())
    if model:
        yield "learning_curves.png", functools.partial(_draw_curves, model)


def first_indices(most: int, examples: Examples, split: str) -> range:
    """Return the indices of the first images of a split: 1 to `most`, at most 256 MB."""
    affordable = max(1, _MOST_BYTES // examples.spec.image_bytes)
    return range(max(1, min(most, affordable, examples.num_examples(split))))


def _draw_examples(examples: Examples) -> Axes:
    from components.report.pictures.images import draw_image_sheet
    from data.examples.read_images import read_images

    split = next(iter(examples.counts), "train")
    images, labels = read_images(examples, split, first_indices(_IN_SHEET, examples, split))
    return draw_image_sheet(images, [examples.spec.class_names[label] for label in labels])


def _draw_first_image(examples: Examples, split: str) -> Axes:
    from components.report.pictures.images import draw_raw_values
    from data.examples.read_images import read_images

    images, labels = read_images(examples, split, [0])
    return draw_raw_values(images[0], examples.spec.class_names[labels[0]])


def _draw_predictions(answers: list[Answer]) -> Axes:
    from components.report.pictures.predictions import draw_predictions

    return draw_predictions(answers)


def _draw_curves(model: Model) -> Axes | None:
    from components.report.pictures.curves import draw_learning_curves

    return draw_learning_curves(read_document(model.path / "history.json"))
