"""`penstock new` and `doctor`: begin a project, and check the machine."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from pipeline.cli.app import BEAM_FLAGS, beam_flags, cli, prepare_libraries, root_option
from pipeline.console.streams import say


@cli.command(
    examples="""
    penstock new flowers
    cd flowers && penstock run ./recipe.py:recipe
    """
)
@click.argument("folder", type=click.Path(path_type=Path))
def new(folder: Path) -> None:
    """Make a small working project of one's own in FOLDER: a recipe, a source, a model, a test."""
    from pipeline.environment.new_project import make_project

    for path in make_project(folder):
        say(f"wrote {path}")
    say(f"next: cd {shlex.quote(str(folder))} && penstock run ./recipe.py:recipe")


@cli.command(
    context_settings=BEAM_FLAGS,
    examples="""
    penstock doctor --root /srv/penstock
    penstock doctor --runner=FlinkRunner --flink_master=HOST:PORT
    """,
)
@root_option
@beam_flags
def doctor(root: Path, flags: tuple[str, ...]) -> int:
    """Check this machine, or with flags of Beam's a runner and its workers.

    This machine: Python, libraries, GPUs, the root, shadowed packages, free disk. A runner: does
    it answer, does a worker start and run a small job, has it the same Python, Beam, TensorFlow
    and Penstock, may it write to the root? Each line says what to do. Two minutes at most, ten
    where workers are containers: see docs/how-to/runners.md.
    """
    from pipeline.environment.machine import check_machine, print_findings
    from pipeline.environment.runner import check_runner

    prepare_libraries()
    return print_findings(check_runner(flags, root) if flags else check_machine(root))
