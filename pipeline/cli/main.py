"""Run the command line: parse, call, print the error, exit."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from pipeline.cli.app import cli


def penstock() -> click.Group:
    """Return the command `penstock` with all its subcommands."""
    return cli


def call(args: Sequence[str]) -> int:
    """Run one command. Returns its exit code; an error is printed on stderr as one message."""
    from data.base.visible_text import escape_controls
    from pipeline.console.error_message import explain

    debug = "--debug" in sys.argv
    try:
        return cli.main(list(args), prog_name="penstock", standalone_mode=False) or 0
    except click.ClickException as error:
        click.echo(escape_controls(error.format_message()), err=True)
        return error.exit_code
    except click.Abort:  # what click makes of KeyboardInterrupt
        return explain(KeyboardInterrupt(), debug=debug)
    except SystemExit as error:  # of the user's code, whose codes are not Penstock's
        crash = RuntimeError(f"the code of the user called sys.exit({error.code!r})")
        crash.__cause__ = error
        return explain(crash, debug=debug)
    except Exception as error:
        return explain(error, debug=debug)


def main() -> NoReturn:
    """Run `penstock` or `python -m pipeline`: the entry point."""
    # Imports create many objects and no garbage; collecting it is a tenth of a cached run.
    gc.set_threshold(50_000, 20, 20)
    _refuse_shadows()  # before any other package of Penstock is imported

    from data.code.import_path import search_working_folder
    from pipeline.console.interrupt import leave
    from pipeline.console.streams import survive_readers

    survive_readers()
    search_working_folder()

    leave(call(sys.argv[1:]))


def _refuse_shadows() -> None:
    """Exit where another package is imported in place of one of Penstock's."""
    from pipeline.environment.shadowed_packages import find_shadowed_packages

    for name, (imported, ours) in find_shadowed_packages().items():
        click.echo(
            f"penstock: {imported} shadows Penstock's package {name!r}, {ours}\n"
            "  do:       work in another folder, or rename the file; `penstock doctor` lists all",
            err=True,
        )
        sys.exit(2)
