"""`penstock new` and `doctor`: create a project, and check the machine."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from pipeline import exit_codes
from pipeline.cli.data import look_at
from pipeline.cli.lazy_group import Command
from pipeline.cli.options import (
    BEAM_FLAGS,
    FILE,
    beam_flags,
    ingest_option,
    json_option,
    print_json,
    root_option,
)
from pipeline.console.streams import say
from pipeline.environment.machine import check_machine, print_findings
from pipeline.environment.new_project import check_folder, make_project
from pipeline.environment.runner import check_runner
from pipeline.inspection.dataset.describe import describe_assumptions, find_problems
from pipeline.inspection.dataset.project import write_project


@click.command(
    cls=Command,
    examples="""
    penstock new flowers
    penstock new mine --images ~/photos
    penstock new mine --images labels.csv --set ingest.group=person
    cd mine && penstock run ./recipe.py:recipe
    """,
)
@click.argument("folder", type=FILE)
@click.option(
    "--images",
    metavar="PATH",
    help="Write a recipe for these images: a folder with a folder for each class, a table of paths "
    "and labels, or other data that `penstock data` recognises.",
)
@ingest_option
def new(folder: Path, images: str | None, settings: tuple[str, ...]) -> None:
    """Create a small working project in FOLDER: a recipe, a data source, a model and a test.

    With --images the recipe is made for your own images. Every image is looked at, as `penstock
    data` does, and the comments of the recipe say what was seen and what was assumed: the classes,
    a size that fits, the splits, a model, and the rules of the gate. --set takes settings of
    ingest.
    """
    if images is None and settings:
        raise click.UsageError("--set needs --images: other projects are changed in their recipe")
    written = make_project(folder) if images is None else _write_project(folder, images, settings)
    for path in written:
        say(f"wrote {path}")
    say(f"next: cd {shlex.quote(str(folder))} && penstock run ./recipe.py:recipe")


def _write_project(folder: Path, images: str, settings: Sequence[str]) -> list[Path]:
    check_folder(folder)
    seen = look_at(images, settings, decode=True)
    for assumption in describe_assumptions(seen):
        say(f"assumed: {assumption}", error=True)
    for problem in find_problems(seen.survey):
        say(f"warning: {problem}", error=True)
    return write_project(seen, folder)


@click.command(
    cls=Command,
    context_settings=BEAM_FLAGS,
    examples="""
    penstock doctor --root /srv/penstock
    penstock doctor --runner=FlinkRunner --flink_master=HOST:PORT
    """,
)
@root_option
@json_option
@beam_flags
def doctor(root: Path, as_json: bool, flags: tuple[str, ...]) -> int:
    """Check this machine or, given Beam's flags, a runner and its workers.

    This machine: Python, libraries, GPUs, the root, shadowed packages, free disk space. A runner:
    whether it answers, whether a worker starts and runs a small job, whether the workers have the
    same versions of Python, Beam, TensorFlow and Penstock, and whether they may write to the root.

    Each problem is printed with its remedy. The check takes at most two minutes, or ten if the
    workers are containers: see docs/how-to/runners.md.
    """
    findings = check_runner(flags, root) if flags else check_machine(root)
    if not as_json:
        return print_findings(findings)
    checks = [finding._asdict() for finding in findings]
    print_json(checks)
    return exit_codes.DONE if all(check["good"] for check in checks) else exit_codes.ENVIRONMENT
