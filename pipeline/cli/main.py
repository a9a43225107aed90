"""The command line: parse, call, print, exit."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from pipeline.cli.app import Group, cli, debug


def penstock() -> Group:
    """The command `penstock` with all its subcommands, in the order of `penstock --help`."""
    # isort: off
    from pipeline.cli import run, submit, recipes, runs, predict  # noqa: F401
    from pipeline.cli.schedule import edit, run as run_schedules, show, emit  # noqa: F401
    from pipeline.cli import gate, serving, project, spans  # noqa: F401
    # isort: on

    return cli


def call(args: Sequence[str]) -> int:
    """Run one command; its end becomes at most one message on stderr and an exit code."""
    from data.base.visible_text import visible
    from pipeline.console.error_message import explain

    try:
        return penstock().main(list(args), prog_name="penstock", standalone_mode=False) or 0
    except click.ClickException as error:
        click.echo(visible(error.format_message()), err=True)
        return error.exit_code
    except click.Abort:  # what click makes of KeyboardInterrupt
        return explain(KeyboardInterrupt(), debug=debug())
    except SystemExit as error:  # of a user's own code: its code would be taken for one of ours
        left = RuntimeError(f"something called sys.exit({error.code!r})")
        left.__cause__ = error
        return explain(left, debug=debug())
    except Exception as error:
        return explain(error, debug=debug())


def main() -> NoReturn:
    """The entry point of `penstock` and `python -m pipeline`."""
    # Imports make many objects and no garbage; looking for it is a tenth of a cached run.
    gc.set_threshold(50_000, 20, 20)
    _refuse_shadows()  # before anything else of ours is imported

    from data.code.import_path import look_in_working_folder
    from pipeline.console.interrupt import leave
    from pipeline.console.streams import survive_readers

    survive_readers()
    look_in_working_folder()

    leave(call(sys.argv[1:]))


def _refuse_shadows() -> None:
    from pipeline.environment.shadowed_packages import find_shadowed_packages

    for name, (imported, ours) in find_shadowed_packages().items():
        click.echo(
            f"penstock: {imported} shadows our package {name!r}, {ours}\n"
            "  do:       start elsewhere, or rename it; `penstock doctor` lists them all",
            err=True,
        )
        sys.exit(2)
