"""`penstock predict`: ask a pushed model, print a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.console import libraries_to
from serving_export.predict import Prediction, predict_files

_RUNNERS_UP = 2


def predict_and_show(model: str, images: Sequence[Path], root: Path, *, debug: bool) -> None:
    """Print file, class, probability and the next likely classes, in the order of the files."""
    if debug:
        predictions = predict_files(_folder(model, root), images)
    else:
        with libraries_to(None):
            predictions = predict_files(_folder(model, root), images)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("image", "class", "probability", "then"):
        table.add_column(heading, justify="right" if heading == "probability" else "left")
    for prediction in predictions:
        table.add_row(
            escape(str(prediction.path)),
            escape(prediction.class_name),
            f"{prediction.probability:.4f}",
            escape(_next(prediction)),
        )
    Console(soft_wrap=True).print(table)


def _next(prediction: Prediction) -> str:
    ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
    others = [(name, p) for name, p in ranked if name != prediction.class_name]
    return ", ".join(f"{name} {p:.4f}" for name, p in others[:_RUNNERS_UP])


def _folder(model: str, root: Path) -> Path:
    """A folder as it was typed, else the model of that name under the root."""
    named = root / "serving" / model
    return named if not Path(model).exists() and named.is_dir() else Path(model)
