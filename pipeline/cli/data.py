"""`penstock data`: what is in a dataset, and how to ingest it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path, PurePath

import click

from data.base.visible_text import escape_line
from data.errors import EnvironmentTrouble
from pipeline.cli.lazy_group import Command
from pipeline.cli.options import FILE, debug, ingest_option, json_option, print_json, root_option
from pipeline.config.commands import format_command
from pipeline.console.listing import Cell, Column, print_fields, print_listing
from pipeline.console.progress import show_progress
from pipeline.console.quiet_libraries import libraries_to
from pipeline.console.streams import say
from pipeline.console.terminal import Console
from pipeline.inspection.dataset.describe import (
    collect_facts,
    describe,
    find_obstacle,
)
from pipeline.inspection.dataset.look import RECIPE, Look, look
from pipeline.inspection.dataset.sheet import draw_sheet
from pipeline.inspection.dataset.survey import Survey

_MOST_CLASSES = 40  # that are listed


@click.command(
    cls=Command,
    examples="""
    penstock data ~/photos
    penstock data ~/photos --out photos.png
    penstock data labels.csv --set ingest.group=person
    penstock data ~/cifar-10-batches-bin
    penstock data ~/photos --headers --json
    """,
)
@click.argument("path", metavar="PATH")
@ingest_option
@click.option(
    "--headers",
    is_flag=True,
    help="Read only the headers of the images, which is faster: a file that is damaged behind its "
    "header is not found, duplicates are files with the same bytes, and no picture is drawn.",
)
@click.option(
    "--out",
    type=FILE,
    metavar="FILE",
    help="Draw 25 of the images into this PNG file.  [default: ROOT/data/NAME.png]",
)
@root_option
@json_option
def data(
    path: str,
    settings: tuple[str, ...],
    headers: bool,
    out: Path | None,
    root: Path,
    as_json: bool,
) -> None:
    """Print what is in the dataset at PATH, and how to ingest it. Nothing is ingested.

    PATH is a folder with a folder of images for each class, a table of paths and labels, IDX, .npz,
    CIFAR's, Parquet, CSV or TFRecord files, or a folder of TensorFlow Datasets.

    Where the data can be read in two ways, such as channels first or last, or labels from 0 or 1,
    it says what is assumed and the setting for the other way: look at the picture.

    Every image is decoded as in ingest: the listing has the classes, sizes, formats, bad files with
    their reasons, and images that are there twice. --set takes the settings of ingest, such as
    ingest.group=person.
    """
    if headers and out:
        raise click.UsageError("--headers decodes no image, and --out draws some: omit one of them")
    seen = look_at(path, settings, decode=not headers)
    name = _choose_name(path)
    picture = None if headers else _draw(seen, out, root / "data" / f"{name}.png")
    obstacle = find_obstacle(seen)
    commands = [
        format_command("run", RECIPE, *_repeat(seen.settings)),
        format_command("new", f"my_{name}", "--images", path, *_repeat(settings)),
    ]
    if as_json:
        facts = {**collect_facts(seen), "obstacle": obstacle, "picture": picture}
        print_json({**facts, "commands": [] if obstacle else commands})
        return
    print_look(seen, picture)
    if obstacle:
        say(f"no model can be trained on this: {obstacle}")
        return
    for heading, command in zip(("next", ""), commands, strict=True):
        say(f"{heading:<12}{command}")


def look_at(path: str, settings: Sequence[str], *, decode: bool) -> Look:
    """Look at the dataset at a path, with progress on a terminal.

    Raises:
        click.UsageError: a setting of another step, which would be ignored.
        ConfigError, BadDataError: as `look.look`.
    """
    for setting in settings:
        if not setting.startswith("ingest."):
            raise click.UsageError(
                f"--set {setting}: this command takes the settings of ingest alone, such as "
                "ingest.group=person"
            )
    with (
        nullcontext(Console(stderr=True)) if debug() else libraries_to(None) as console,
        show_progress(console, "looking at files") as progress,
    ):
        return look(path, settings, decode=decode, progress=progress)


def _choose_name(path: str) -> str:
    """Choose a name for what is made of the data: the folder's, or the file's without its end."""
    at = Path(path).expanduser()
    is_file = PurePath(path).suffix and not at.is_dir()
    return PurePath(path).stem if is_file else os.path.basename(os.path.abspath(at))


def _draw(seen: Look, out: Path | None, default: Path) -> str | None:
    """Draw the picture. If the default place cannot be written, the command goes on without it."""
    try:
        with nullcontext() if debug() else libraries_to(None):
            return str(draw_sheet(seen, out or default))
    except EnvironmentTrouble as error:
        if out:
            raise
        say(f"warning: no picture: {error.brief}", error=True)
        return None


def _repeat(settings: Iterable[str]) -> Iterator[str]:
    for setting in settings:
        yield from ("--set", setting)


def print_look(seen: Look, picture: str | None) -> None:
    """Print what is in a dataset: a table of its classes, and a line for each other fact."""
    say(f"{seen.config.path}: {seen.config.source}")
    _print_classes(seen.survey)
    print_fields({**describe(seen), "picture": picture})


def _print_classes(survey: Survey) -> None:
    """Print the number of images of each class, in each split that the data has."""
    splits = [split for split in survey.counts if split] if survey.splits else []
    columns = [Column("class", title=True), *(Column(s, right=True) for s in splits)]
    rows: list[Sequence[Cell]] = [
        (
            escape_line(name),
            *(f"{survey.counts[split][name]:,}" for split in splits),
            f"{survey.count_class(name):,}",
        )
        for name in survey.class_names[:_MOST_CLASSES]
    ]
    print_listing([*columns, Column("images", right=True)], rows)
    if (more := len(survey.class_names) - _MOST_CLASSES) > 0:
        say(f"and {more:,} classes more: --json lists all")
