"""All pictures that a run's artifacts allow, into one folder."""

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
_ASKED = 15  # images with predictions
_MOST_BYTES = 256 << 20  # of images in memory: of very large ones fewer are shown


class Album(NamedTuple):
    """What was drawn, and for what was not, a line that says why."""

    files: tuple[Path, ...] = ()
    problems: tuple[str, ...] = ()


def draw_album(examples: Examples | None, model: Model | None, folder: Path) -> Album:
    """Draw what these artifacts allow; what cannot be drawn keeps no other picture from it.

    Args:
        examples: gives `examples.png`, 25 images of train, and `image.png`, the first of test in
            raw values.
        model: gives `learning_curves.png`; with the examples `prediction.png` and
            `predictions.png`, the first 1 and 15 of test.
        folder: made if it is missing; pictures of these names in it are replaced.
    """
    files, problems = [], []
    for name, make in _pictures(examples, model):
        try:
            from components.report.pictures.canvas import save

            with translate_disk_errors(f"cannot make {folder}"):
                folder.mkdir(parents=True, exist_ok=True)
            page = make()
            if page is not None:
                files.append(save(page, folder / name))
        except Exception as error:
            words = error.what if isinstance(error, PenstockError) else summarize_error(error)
            problems.append(f"{name} could not be drawn: {words}")
    return Album(tuple(files), tuple(problems))


def _pictures(
    examples: Examples | None, model: Model | None
) -> Iterator[tuple[str, Callable[[], Axes | None]]]:
    """File names, and how each is drawn; None is no picture."""
    if examples:
        split = "test" if "test" in examples.counts else next(reversed(examples.counts), "test")
        yield "examples.png", functools.partial(_images, examples)
        yield "image.png", functools.partial(_raw_values, examples, split)
        if model:

            @functools.cache
            def answers() -> list[Answer]:
                asked = first_indices(_ASKED, examples, split)
                return answer_for_examples(model.bundle, examples, split, asked, model.digest)

            yield "prediction.png", lambda: _chart(answers()[:1])
            yield "predictions.png", lambda: _chart(answers())
    if model:
        yield "learning_curves.png", functools.partial(_curves, model)


def first_indices(most: int, examples: Examples, split: str) -> range:
    """The places of a split's first images: at most so many, one at least, and 256 MB."""
    affordable = max(1, _MOST_BYTES // examples.spec.image_bytes)
    return range(max(1, min(most, affordable, examples.num_examples(split))))


def _images(examples: Examples) -> Axes:
    from components.report.pictures.images import draw_image_sheet
    from data.examples.read_images import read_images

    split = next(iter(examples.counts), "train")
    images, labels = read_images(examples, split, first_indices(_IN_SHEET, examples, split))
    return draw_image_sheet(images, [examples.spec.class_names[label] for label in labels])


def _raw_values(examples: Examples, split: str) -> Axes:
    from components.report.pictures.images import draw_raw_values
    from data.examples.read_images import read_images

    images, labels = read_images(examples, split, [0])
    return draw_raw_values(images[0], examples.spec.class_names[labels[0]])


def _chart(answers: list[Answer]) -> Axes:
    from components.report.pictures.predictions import draw_predictions

    return draw_predictions(answers)


def _curves(model: Model) -> Axes | None:
    from components.report.pictures.curves import learning_curves

    return learning_curves(read_document(model.path / "history.json"))
