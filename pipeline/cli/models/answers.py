"""Print the answers of a model: a table, or facts for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from data.base.visible_text import escape_line
from pipeline.console.listing import Cell, Column, print_listing
from pipeline.console.streams import say
from serving_export.predict import Answer, BadImage, Prediction

_RUNNERS_UP = 2
_MOST_PROBLEMS = 20  # lines
_COLUMNS = (
    Column("image", title=True),
    Column("class", title=True),
    Column("probability", right=True),
    Column("label"),
    Column("answer"),
    Column("next", fold=24),
    Column("problem", fold=24),
)


def print_answers(rows: Iterable[Sequence[Cell]]) -> None:
    """Print rows of `make_row` as a table."""
    print_listing(_COLUMNS, rows)


def make_row(answer: Answer | BadImage) -> Sequence[Cell]:
    """Make the row of an answer in the table."""
    if isinstance(answer, BadImage):
        return (escape_line(answer.name), "", "", "", "", "", answer.problem)
    judged = answer.label is not None
    return (
        escape_line(answer.name),
        answer.prediction.class_name,
        f"{answer.prediction.probability:.4f}",
        answer.label or "",
        ("right" if answer.is_correct else "wrong") if judged else "",
        _next_classes(answer.prediction),
        "",
    )


def make_facts(answer: Answer | BadImage) -> dict[str, object]:
    """Make the JSON-able facts of an answer."""
    if isinstance(answer, BadImage):
        keys = ("class", "probability", "label", "right", "probabilities")
        return {"image": answer.name, **dict.fromkeys(keys), "problem": answer.problem}
    prediction = answer.prediction
    return {
        "image": answer.name,
        "class": prediction.class_name,
        "probability": prediction.probability,
        "label": answer.label,
        "right": answer.is_correct if answer.label is not None else None,
        "probabilities": dict(prediction.probabilities),
        "problem": None,
    }


def print_problems(bad: Sequence[BadImage]) -> None:
    """Print bad images on standard error, at most `_MOST_PROBLEMS` of them."""
    for image in bad[:_MOST_PROBLEMS]:
        say(f"bad      {escape_line(image.name)}: {image.problem}", error=True)
    if len(bad) > _MOST_PROBLEMS:
        say(f"bad      {len(bad) - _MOST_PROBLEMS:,} more", error=True)


def _next_classes(prediction: Prediction) -> str:
    ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
    others = [(name, p) for name, p in ranked if name != prediction.class_name]
    return ", ".join(f"{name} {p:.4f}" for name, p in others[:_RUNNERS_UP])
