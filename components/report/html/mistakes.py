"""Images that were answered wrongly, each as a data URI with the bars of its probabilities."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from components.artifacts import Examples
from data.errors import PenstockError, summarize_error

if TYPE_CHECKING:
    import numpy as np

_BARS = 4  # classes whose probabilities are shown; the true one is always among them
_LARGEST = 192  # pixels of an image's longer side; a larger one is made smaller
_MOST_BYTES = 256 << 20  # of images in memory


class Bar(NamedTuple):
    name: str
    probability: float  # as the model gave it
    share: float  # of the bar's length, 0 to 1
    kind: str  # true, wrong, other: a class of style.css


class Card(NamedTuple):
    """One image. `source` is a data URI, or empty where the image cannot be shown."""

    place: int
    label: str
    predicted: str
    source: str
    bars: list[Bar]
    reference_bars: list[Bar]


class Mistakes(NamedTuple):
    worst: list[Card]
    lost: list[Card]  # those that the baseline had right
    problem: str  # why there are no images; empty where there are


def mistakes(verdict: Mapping[str, Any], examples: Examples | None) -> Mistakes:
    """The wrongly answered images that a verdict names.

    Args:
        verdict: as in `verdict.json`.
        examples: the pixels; None where they are gone.
    """
    worst, lost = verdict["worst"], verdict["lost"]
    places = sorted({found["place"] for found in (*worst, *lost)})
    sources: dict[int, str] = {}
    problem = "" if examples or not places else "the examples are no longer there"
    if examples and places:
        try:
            sources = dict(zip(places, _sources(examples, verdict, places), strict=True))
        except PenstockError as error:
            problem = error.what
        except (OSError, ValueError) as error:
            problem = summarize_error(error)
    names = verdict["data"]["class_names"]
    return Mistakes(
        [_card(found, names, sources) for found in worst],
        [_card(found, names, sources) for found in lost],
        problem,
    )


def _sources(
    examples: Examples, verdict: Mapping[str, Any], places: Sequence[int]
) -> Iterator[str]:
    from data.examples.read_images import read_images

    at_once = max(1, _MOST_BYTES // examples.spec.image_bytes)
    for first in range(0, len(places), at_once):
        some = places[first : first + at_once]
        for image in read_images(examples, verdict["data"]["split"], some).images:
            yield data_uri(image)


def data_uri(image: np.ndarray) -> str:
    """A PNG of (height, width, channels) uint8 pixels, at most 192 of them on a side."""
    from PIL import Image

    picture = Image.fromarray(image.squeeze(axis=2) if image.shape[2] == 1 else image)
    picture.thumbnail((_LARGEST, _LARGEST))
    file = io.BytesIO()
    picture.save(file, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _card(found: Mapping[str, Any], names: Sequence[str], sources: Mapping[int, str]) -> Card:
    label, predicted = found["label"], found["predicted"]

    def bars(probabilities: Sequence[float]) -> list[Bar]:
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
        found["place"],
        names[label],
        # One past the last class: the answer was no number.
        names[predicted] if predicted < len(names) else "no class",
        sources.get(found["place"], ""),
        bars(found["probabilities"]),
        bars(found.get("reference_probabilities", ()))
        if "reference_probabilities" in found
        else [],
    )
