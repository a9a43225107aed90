"""`penstock new` and `doctor`: create a project, and check the machine."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from pipeline import exit_codes
from pipeline.cli.lazy_group import Command
from pipeline.cli.options import (
    BEAM_FLAGS,
    FILE,
    beam_flags,
    json_option,
    print_json,
    root_option,
)
from pipeline.console.streams import say
from pipeline.environment.machine import check_machine, print_findings
from pipeline.environment.new_project import make_project
from pipeline.environment.runner import check_runner


@click.command(
    cls=Command,
    examples="""
    penstock new flowers
    cd flowers && penstock run ./recipe.py:recipe
    """,
)
@click.argument("folder", type=FILE)
def new(folder: Path) -> None:
    """Create a small working project in FOLDER: a recipe, a data source, a model and a test."""
    for path in make_project(folder):
        say(f"wrote {path}")
    say(f"next: cd {shlex.quote(str(folder))} && penstock run ./recipe.py:recipe")


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
