"""`penstock predict`: classify images with a model, print the answers, draw a chart."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import click

from data.errors import ConfigError
from pipeline.cli.lazy_group import Command
from pipeline.cli.models.model_argument import find_model, model_argument
from pipeline.cli.models.trust import record_trust
from pipeline.cli.options import FILE, debug, json_option, print_json, root_option
from pipeline.console.listing import Cell, Column, print_listing
from pipeline.console.quiet_libraries import libraries_to
from pipeline.console.streams import say
from pipeline.storage.artifact_lookup import find_training_examples
from pipeline.storage.known_models import KnownModels
from pipeline.storage.ledger import Ledger
from serving_export.bundle.manifest import verify_bundle
from serving_export.model_store.layout import find_bundle_folder
from serving_export.predict import (
    Answer,
    Prediction,
    answer_for_examples,
    answer_for_files,
)

_RUNNERS_UP = 2
_MOST_IN_CHART = 60  # images: twenty rows of three


@click.command(
    cls=Command,
    examples="""
    penstock predict digits seven.png
    penstock predict .penstock/serving/mnist/3 a.png b.png
    penstock predict mnist --index 0 --index 1 --chart two.png
    penstock predict mnist --index 59999 --split train
    """,
)
@model_argument
@click.argument("images", metavar="[IMAGE]...", nargs=-1, type=FILE)
@root_option
@click.option(
    "--index",
    "indices",
    type=int,
    multiple=True,
    metavar="N",
    help="Classify this image of the examples that the model was trained on, counted from 0. "
    "Repeatable.",
)
@click.option(
    "--trust",
    is_flag=True,
    help="Load MODEL although no run in ROOT trained or pushed it, and record that in ROOT.",
)
@click.option("--split", metavar="NAME", help="The split that --index counts in.  [default: test]")
@click.option(
    "--chart",
    type=FILE,
    metavar="FILE",
    help="Draw each image and a bar chart of its class probabilities into this PNG file.",
)
@json_option
def predict(
    model: Path,
    images: tuple[Path, ...],
    root: Path,
    indices: tuple[int, ...],
    trust: bool,
    split: str | None,
    chart: Path | None,
    as_json: bool,
) -> None:
    """Print the class of each IMAGE and its probability, from the served signature of MODEL.

    MODEL is the folder of a version, the folder of a model (its highest version is used), or the
    name of a model under ROOT/serving. Images are PNG or JPEG files of the size that the model
    expects. With --index, they are images of the examples that the model was trained on, if a run
    in ROOT trained it; the true class is then printed as well.

    A SavedModel is a program. A model that no run in ROOT trained or pushed is loaded only with
    --trust. That is needed once: the digest of all its bytes is recorded.
    """
    _check_options(model, images, indices, trust=trust, split=split, chart=chart)
    folder = find_bundle_folder(find_model(model, root))
    with nullcontext() if debug() else libraries_to(None):
        if indices:
            answers = _answers_on_examples(folder, root, split or "test", indices)
        else:
            answers = answer_for_files(folder, images, _vouched_digest(folder, root, trust))
        if chart:
            _draw(answers, chart)
    if as_json:
        print_json([_facts(answer) for answer in answers])
        return
    _print(answers)
    if chart:
        say(f"chart  {chart}")


def _check_options(
    model: Path,
    images: Sequence[Path],
    indices: Sequence[int],
    *,
    trust: bool,
    split: str | None,
    chart: Path | None,
) -> None:
    """Raise click.UsageError or ConfigError where the options contradict one another."""
    if images and indices:
        raise click.UsageError("give either IMAGE files or --index, not both")
    if not images and not indices:
        raise click.UsageError(
            "no images: give image files or --index, as in "
            f"`penstock predict {shlex.quote(str(model))} IMAGE.png` or "
            f"`penstock predict {shlex.quote(str(model))} --index 0`"
        )
    if trust and indices:
        raise click.UsageError("--index needs a model that a run in ROOT trained: omit --trust")
    if split and not indices:
        raise click.UsageError("--split needs --index")
    if chart and len(images) + len(indices) > _MOST_IN_CHART:
        raise ConfigError(
            "too many images for one chart",
            expected=f"at most {_MOST_IN_CHART}",
            got=len(images) + len(indices),
            remedy="omit --chart, or use several commands",
        )


def _vouched_digest(folder: Path, root: Path, trusted: bool) -> str:
    """Return the model's digest, if the model may be loaded."""
    digest = verify_bundle(folder)
    if trusted:
        return record_trust(folder, root)
    KnownModels(root, option="--trust")(folder, digest)
    return digest


def _answers_on_examples(
    folder: Path, root: Path, split: str, indices: Sequence[int]
) -> list[Answer]:
    """Classify examples that a run in the root trained the model on."""
    digest = verify_bundle(folder)
    with Ledger.existing(root) as ledger:
        examples = find_training_examples(root, ledger, digest)
    return answer_for_examples(folder, examples, split, indices, digest)


def _draw(answers: Sequence[Answer], path: Path) -> None:
    from components.report.pictures.canvas import save  # loads Matplotlib
    from components.report.pictures.predictions import draw_predictions

    save(draw_predictions(answers), path)


def _facts(answer: Answer) -> dict[str, object]:
    prediction = answer.prediction
    return {
        "image": answer.name,
        "class": prediction.class_name,
        "probability": prediction.probability,
        "label": answer.label,
        "right": answer.is_correct if answer.label is not None else None,
        "probabilities": dict(prediction.probabilities),
    }


def _print(answers: Sequence[Answer]) -> None:
    columns = [
        Column("image", title=True),
        Column("class", title=True),
        Column("probability", right=True),
        Column("label"),
        Column("answer"),
        Column("next", fold=24),
    ]
    print_listing(columns, (_row(answer) for answer in answers))


def _row(answer: Answer) -> Sequence[Cell]:
    judged = answer.label is not None
    return (
        answer.name,
        answer.prediction.class_name,
        f"{answer.prediction.probability:.4f}",
        answer.label or "",
        ("right" if answer.is_correct else "wrong") if judged else "",
        _next_classes(answer.prediction),
    )


def _next_classes(prediction: Prediction) -> str:
    ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
    others = [(name, p) for name, p in ranked if name != prediction.class_name]
    return ", ".join(f"{name} {p:.4f}" for name, p in others[:_RUNNERS_UP])
