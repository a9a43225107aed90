"""`penstock predict`: ask a pushed model, print a line for each image."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from pipeline.console import libraries_to
from serving_export.predict import Prediction, predict_files

_RUNNERS_UP = 2


def predict_and_show(model: str, images: Sequence[Path], root: Path, *, debug: bool) -> None:
    """Print file, class, probability and the next likely classes, in the order of the files.

    The lines are aligned and never wrapped or cut, so that a program can read them too.
    """
    with nullcontext() if debug else libraries_to(None):
        predictions = predict_files(_folder(model, root), images)
    rows = [("image", "class", "probability", "then")]
    for p in predictions:
        rows.append((str(p.path), p.class_name, f"{p.probability:.4f}", _next(p)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _next(prediction: Prediction) -> str:
    ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
    others = [(name, p) for name, p in ranked if name != prediction.class_name]
    return ", ".join(f"{name} {p:.4f}" for name, p in others[:_RUNNERS_UP])


def _folder(model: str, root: Path) -> Path:
    """A folder as it was typed, else the model of that name under the root."""
    named = root / "serving" / model
    return named if not Path(model).exists() and named.is_dir() else Path(model)
