"""`penstock predict`: ask a model, print a line for each image, draw a chart."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from data.errors import ConfigError
from pipeline.cli.app import cli, debug, prepare_libraries, root_option, trust_model
from pipeline.console.streams import say

if TYPE_CHECKING:
    from serving_export.predict import Answer, Prediction


@cli.command(
    examples="""
    penstock predict digits seven.png
    penstock predict .penstock/serving/mnist/3 a.png b.png
    penstock predict mnist --index 0 --index 1 --chart two.png
    penstock predict mnist --index 59999 --split train
    """
)
@click.argument("model")
@click.argument("images", metavar="[IMAGE]...", nargs=-1, type=click.Path(path_type=Path))
@root_option
@click.option(
    "--index",
    "indices",
    type=int,
    multiple=True,
    metavar="N",
    help="Ask about this image of the examples that the model was trained on, counted from 0; "
    "repeatable.",
)
@click.option(
    "--trust",
    is_flag=True,
    help="Load MODEL though no run in ROOT trained or pushed it, and remember that there.",
)
@click.option("--split", metavar="NAME", help="The split that --index counts in.  [default: test]")
@click.option(
    "--chart",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw each image beside the bar chart of its class probabilities, into this PNG file.",
)
def predict(
    model: str,
    images: tuple[Path, ...],
    root: Path,
    indices: tuple[int, ...],
    trust: bool,
    split: str | None,
    chart: Path | None,
) -> None:
    """Print the class of each IMAGE and its probability, from a model's own signature.

    MODEL is a version's folder, a model's folder (the highest version answers), or the name of a
    model under ROOT/serving. Images are PNG or JPEG of just the size that the model knows; or, by
    --index, those of the examples that it was trained on, if a run in ROOT trained it: then the
    true class stands beside the answer.

    A SavedModel is a program. One that no run in ROOT trained or pushed is loaded only with
    --trust; it is asked for once, for a digest of all its bytes.
    """
    if images and indices:
        raise click.UsageError("IMAGE files and --index do not go together: ask twice")
    if not images and not indices:
        raise click.UsageError(
            f"there is nothing to ask about; try `penstock predict {shlex.quote(model)} IMAGE.png` "
            f"or `penstock predict {shlex.quote(model)} --index 0`"
        )
    if trust and indices:
        raise click.UsageError("--index asks a model that a run in ROOT trained: leave --trust out")
    if split and not indices:
        raise click.UsageError("--split goes with --index, which counts in it")

    prepare_libraries()
    predict_and_show(
        model,
        images,
        root,
        indices=indices,
        trusted=trust,
        split=split or "test",
        chart=chart,
        debug=debug(),
    )


_RUNNERS_UP = 2
_MOST_IN_CHART = 60  # images: twenty rows of three


def predict_and_show(
    model: str,
    images: Sequence[Path],
    root: Path,
    *,
    indices: Sequence[int] = (),
    trusted: bool = False,
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
        BadDataError: no model, or one that nobody vouches for; an image that does not fit it;
            examples that cannot be found.
        EnvironmentTrouble: the chart cannot be written.
    """
    from pipeline.console.quiet_libraries import libraries_to
    from serving_export.model_store.layout import bundle_folder
    from serving_export.predict import answers_on_files

    if chart and len(images) + len(indices) > _MOST_IN_CHART:
        raise ConfigError(
            "these are too many images for one chart",
            expected=f"{_MOST_IN_CHART} at most",
            got=len(images) + len(indices),
            remedy="leave --chart away, or ask in parts",
        )
    folder = bundle_folder(_folder(model, root))
    with nullcontext() if debug else libraries_to(None):
        if indices:
            answers = _on_examples(folder, root, split, indices)
        else:
            answers = answers_on_files(folder, images, _vouched(folder, root, trusted))
        if chart:
            _draw(answers, chart)
    _print(answers)
    if chart:
        say(f"chart  {chart}")


def _vouched(folder: Path, root: Path, trusted: bool) -> str:
    """The model's digest, once somebody vouches for it."""
    from pipeline.storage.known_models import KnownModels
    from serving_export.bundle.manifest import verify_bundle

    digest = verify_bundle(folder)
    if trusted:
        return trust_model(folder, root)
    KnownModels(root, option="--trust")(folder, digest)
    return digest


def _on_examples(folder: Path, root: Path, split: str, indices: Sequence[int]) -> list[Answer]:
    """Only of a model that a run in the root trained: it knows the examples, and vouches for it."""
    from pipeline.storage.artifact_lookup import find_training_examples
    from pipeline.storage.ledger import Ledger
    from serving_export.bundle.manifest import verify_bundle
    from serving_export.predict import answers_on_examples

    digest = verify_bundle(folder)
    with Ledger.existing(root) as ledger:
        examples = find_training_examples(root, ledger, digest)
    return answers_on_examples(folder, examples, split, indices, digest)


def _draw(answers: Sequence[Answer], path: Path) -> None:
    from components.report.pictures.canvas import save
    from components.report.pictures.predictions import prediction_chart

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
        say("  ".join(cells).rstrip())


def _next(prediction: Prediction) -> str:
    ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
    others = [(name, p) for name, p in ranked if name != prediction.class_name]
    return ", ".join(f"{name} {p:.4f}" for name, p in others[:_RUNNERS_UP])


def _folder(model: str, root: Path) -> Path:
    """A folder as it was typed, else the model of that name under the root."""
    named = root / "serving" / model
    return named if not Path(model).exists() and named.is_dir() else Path(model)
