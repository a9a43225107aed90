"""`penstock predict`: ask a model, print a line for each image, draw a chart."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from components.answers import Answer, answers_on_examples, answers_on_files
from data.errors import ConfigError
from pipeline.console import libraries_to
from pipeline.ledger import Ledger
from pipeline.remembered import examples_of
from serving_export.manifest import verify_bundle
from serving_export.predict import Prediction
from serving_export.versions import bundle_folder

_RUNNERS_UP = 2
_MOST_IN_CHART = 60  # images: twenty rows of three


def predict_and_show(
    model: str,
    images: Sequence[Path],
    root: Path,
    *,
    indices: Sequence[int] = (),
    split: str = "test",
    chart: Path | None = None,
    debug: bool,
) -> None:
    """Print image, class, probability and the next likely classes, in the order asked for.

    With indices, the images are those of the examples that the model was trained on, and each line
    has the true class and whether the answer is right. The lines are aligned and never wrapped or
    cut, so that a program can read them too.

    Raises:
        ConfigError: no such split, an index that it does not have, too many images for a chart.
        BadDataError: no model, an image that does not fit it, examples that cannot be found.
        EnvironmentTrouble: the chart cannot be written.
    """
    if chart and len(images) + len(indices) > _MOST_IN_CHART:
        raise ConfigError(
            "these are too many images for one chart",
            expected=f"{_MOST_IN_CHART} at most",
            got=len(images) + len(indices),
            remedy="leave --chart away, or ask in parts",
        )
    folder = _folder(model, root)
    with nullcontext() if debug else libraries_to(None):
        if indices:
            answers = _on_examples(folder, root, split, indices)
        else:
            answers = answers_on_files(folder, images)
        if chart:
            _draw(answers, chart)
    _print(answers)
    if chart:
        print(f"chart  {chart}")


def _on_examples(folder: Path, root: Path, split: str, indices: Sequence[int]) -> list[Answer]:
    digest = verify_bundle(bundle_folder(folder))
    with Ledger.existing(root) as ledger:
        examples = examples_of(root, ledger, digest)
    return answers_on_examples(folder, examples, split, indices)


def _draw(answers: Sequence[Answer], path: Path) -> None:
    from components.pictures.canvas import save
    from components.pictures.predictions import prediction_chart

    save(prediction_chart(answers), path)


def _print(answers: Sequence[Answer]) -> None:
    judged = any(answer.label is not None for answer in answers)
    rows = [("image", "class", "probability", *(("label", "answer") if judged else ()), "then")]
    for answer in answers:
        asked, held = answer.prediction, (answer.label or "", "right" if answer.right else "wrong")
        probability = f"{asked.probability:.4f}"
        row = (answer.name, asked.class_name, probability, *(held if judged else ()), _next(asked))
        rows.append(row)
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
