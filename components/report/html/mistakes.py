"""Show wrongly predicted images, each as a data URI with the bars of its probabilities."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from components.artifacts import Examples
from data.errors import PenstockError, summarize_error

if TYPE_CHECKING:
    import numpy as np

_BARS = 4  # classes whose probabilities are shown; the true class is always among them
_LARGEST = 192  # pixels of the longer side; larger images are scaled down
_MOST_BYTES = 256 << 20  # of images in memory at once


class Bar(NamedTuple):
    """The probability of one class."""

    name: str
    probability: float  # as the model gave it
    share: float  # of the length of the bar, 0 to 1
    kind: str  # true, wrong, other: a class of style.css


class Card(NamedTuple):
    """One image. `source` is a data URI, or empty if the image cannot be shown."""

    image_index: int
    label: str
    predicted: str
    source: str
    bars: list[Bar]
    reference_bars: list[Bar]


class Mistakes(NamedTuple):
    """The wrongly predicted images of a verdict."""

    worst: list[Card]
    lost: list[Card]  # images that the baseline has right
    problem: str  # why the images cannot be shown; empty if they can


def collect_mistakes(verdict: Mapping[str, Any], examples: Examples | None) -> Mistakes:
    """Collect the wrongly predicted images that a verdict names.

    Args:
        verdict: the content of `verdict.json`.
        examples: the pixels; None if they were deleted.
    """
    worst, lost = verdict["worst"], verdict["lost"]
    indices = sorted({mistake["index"] for mistake in (*worst, *lost)})
    sources: dict[int, str] = {}
    problem = "" if examples or not indices else "the examples were deleted"
    if examples and indices:
        try:
            sources = dict(zip(indices, _encode_images(examples, verdict, indices), strict=True))
        except PenstockError as error:
            problem = error.what
        except (OSError, ValueError) as error:
            problem = summarize_error(error)
    names = verdict["data"]["class_names"]
    return Mistakes(
        [_make_card(mistake, names, sources) for mistake in worst],
        [_make_card(mistake, names, sources) for mistake in lost],
        problem,
    )


def _encode_images(
    examples: Examples, verdict: Mapping[str, Any], indices: Sequence[int]
) -> Iterator[str]:
    from data.examples.read_images import read_images

    at_once = max(1, _MOST_BYTES // examples.spec.image_bytes)
    for first in range(0, len(indices), at_once):
        chunk = indices[first : first + at_once]
        for image in read_images(examples, verdict["data"]["split"], chunk).images:
            yield encode_data_uri(image)


def encode_data_uri(image: np.ndarray) -> str:
    """Encode (height, width, channels) uint8 pixels as a PNG of at most 192 x 192 pixels."""
    from PIL import Image

    picture = Image.fromarray(image.squeeze(axis=2) if image.shape[2] == 1 else image)
    picture.thumbnail((_LARGEST, _LARGEST))
    file = io.BytesIO()
    picture.save(file, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _make_card(
    mistake: Mapping[str, Any], names: Sequence[str], sources: Mapping[int, str]
) -> Card:
    label, predicted = mistake["label"], mistake["predicted"]

    def make_bars(probabilities: Sequence[float]) -> list[Bar]:
        ranked = sorted(range(len(probabilities)), key=lambda i: (-probabilities[i], i))
        shown = ranked[:_BARS] if label in ranked[:_BARS] else [*ranked[: _BARS - 1], label]
        return [
            Bar(
                names[i],
                probabilities[i],
                round(min(max(probabilities[i], 0.0), 1.0), 3),
                "true" if i == label else "wrong" if i == predicted else "other",
            )
            for i in shown
        ]

    return Card(
        mistake["index"],
        names[label],
        # one past the last class: the answer is not finite
        names[predicted] if predicted < len(names) else "no class",
        sources.get(mistake["index"], ""),
        make_bars(mistake["probabilities"]),
        make_bars(mistake["reference_probabilities"])
        if "reference_probabilities" in mistake
        else [],
    )
