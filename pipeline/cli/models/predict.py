"""`penstock predict`: classify images with a model, print or write the answers, draw a chart."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import click

from data.errors import ConfigError
from pipeline import exit_codes
from pipeline.cli.lazy_group import Command
from pipeline.cli.models.answers import make_facts, make_row, print_answers, print_problems
from pipeline.cli.models.model_argument import find_model, model_argument
from pipeline.cli.models.trust import record_trust
from pipeline.cli.options import FILE, debug, json_option, print_json, root_option
from pipeline.console.listing import Cell
from pipeline.console.quiet_libraries import libraries_to
from pipeline.console.streams import say
from pipeline.console.terminal import Console, RichConsole
from pipeline.storage.artifact_lookup import find_training_examples
from pipeline.storage.known_models import KnownModels
from pipeline.storage.ledger import Ledger
from serving_export.answers_csv import check_place, write_answers
from serving_export.bundle.manifest import read_manifest, verify_bundle
from serving_export.image_paths import describe_left_out, list_images
from serving_export.model_store.layout import find_bundle_folder
from serving_export.predict import Answer, BadImage, answer_for_examples, answer_for_files

_MOST_IN_CHART = 60  # images: twenty rows of three
_SOON = 100  # images that need no progress bar


class _Outcome(NamedTuple):
    """What is printed when all images are answered; without the pixels, except for a chart."""

    rows: list[Sequence[Cell]]
    facts: list[dict[str, object]]
    drawn: list[Answer]
    bad: list[BadImage]


@click.command(
    cls=Command,
    examples="""
    penstock predict digits seven.png
    penstock predict mine holiday.jpg scans/ --out answers.csv
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
    "--out",
    type=FILE,
    metavar="FILE",
    help="Write the answers into this CSV file, not into a table: file, class, probability, "
    "problem, and the probability of each class.",
)
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
    out: Path | None,
    chart: Path | None,
    as_json: bool,
) -> int:
    """Print the class of each IMAGE and its probability, as the served MODEL answers.

    MODEL is the folder of a version, the folder of a model (its highest version is used), or the
    name of a model under ROOT/serving. IMAGE is a file of any size, or a folder with such files at
    any depth: PNG, JPEG, GIF, WebP, BMP. The graph of MODEL decodes each file and fits it to the
    size that the model takes. With --index, the images are those of the examples that the model was
    trained on, if a run in ROOT trained it; the true class is then printed as well.

    A file that the model cannot take is answered with the reason, and the exit code is 5. In a
    folder, hidden files and those that are no images are left out, and counted.

    A SavedModel is a program. A model that no run in ROOT trained or pushed is loaded only with
    --trust. That is needed once: the digest of all its bytes is recorded.
    """
    _check_options(model, images, indices, trust=trust, split=split, out=out)
    named = find_model(model, root)
    folder = find_bundle_folder(named)
    listing = list_images(images)
    _check_files(out, chart, named, listing.files, len(listing.files) + len(indices))
    with ExitStack() as stack:
        console = Console(stderr=True) if debug() else stack.enter_context(libraries_to(None))
        answers: Iterable[Answer | BadImage]
        if indices:
            answers = _answers_on_examples(folder, root, split or "test", indices)
        else:
            digest = _vouched_digest(folder, root, trust)
            answers = answer_for_files(folder, listing.files, digest)
            answers = _show_progress(answers, len(listing.files), console)
        outcome = _consume(answers, folder, out, as_json=as_json, keep_pixels=chart is not None)
        if outcome.drawn and chart:
            _draw(outcome.drawn, chart)
    if as_json:
        print_json(outcome.facts)
    elif out:
        say(f"answers  {out}")
        print_problems(outcome.bad)
    else:
        print_answers(outcome.rows)
    if chart and not as_json:
        say(f"chart  {chart}" if outcome.drawn else "no chart: no image was answered")
    if listing.left_out:
        say(f"left out  {describe_left_out(listing.left_out)}", error=True)
    return exit_codes.BAD_DATA if outcome.bad else exit_codes.DONE


def _check_options(
    model: Path,
    images: Sequence[Path],
    indices: Sequence[int],
    *,
    trust: bool,
    split: str | None,
    out: Path | None,
) -> None:
    """Raise click.UsageError where the options contradict one another."""
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
    if out and indices:
        raise click.UsageError("--out needs IMAGE files; with --index, use --json")


def _check_files(
    out: Path | None, chart: Path | None, model: Path, images: Sequence[Path], number: int
) -> None:
    """Raise ConfigError where a file to write is in the way of something, or the chart too full."""
    if chart and number > _MOST_IN_CHART:
        raise ConfigError(
            "too many images for one chart",
            expected=f"at most {_MOST_IN_CHART}",
            got=number,
            remedy="omit --chart, or use several commands",
        )
    for file in filter(None, (out, chart)):
        check_place(file, model, images)


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


def _show_progress(
    answers: Iterable[Answer | BadImage], total: int, console: RichConsole
) -> Iterator[Answer | BadImage]:
    """Show on a terminal how many images are answered."""
    if not console.is_terminal or total <= _SOON:
        yield from answers
        return
    from rich.progress import track

    yield from track(answers, "images", total, console=console, transient=True)


def _consume(
    answers: Iterable[Answer | BadImage],
    folder: Path,
    out: Path | None,
    *,
    as_json: bool,
    keep_pixels: bool,
) -> _Outcome:
    """Write each answer as it comes, and keep what is printed at the end."""
    outcome = _Outcome([], [], [], [])
    with ExitStack() as stack:
        write = None
        if out:
            names = read_manifest(folder).spec.class_names
            write = stack.enter_context(write_answers(out, names))
        for answer in answers:
            if write:
                write(answer)
            if as_json:
                outcome.facts.append(make_facts(answer))
            elif not out:
                outcome.rows.append(make_row(answer))
            if isinstance(answer, BadImage):
                outcome.bad.append(answer)
            elif keep_pixels:
                outcome.drawn.append(answer)
    return outcome


def _draw(answers: Sequence[Answer], path: Path) -> None:
    from components.report.pictures.canvas import save  # loads Matplotlib
    from components.report.pictures.predictions import draw_predictions

    save(draw_predictions(answers), path)
