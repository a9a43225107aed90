"""`penstock push`: push the model of a run by hand."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import click

from pipeline.cli.lazy_group import Command
from pipeline.cli.options import debug, root_option, run_argument, serving_option
from pipeline.console.quiet_libraries import libraries_to
from pipeline.console.streams import say
from pipeline.manual_push import push_run


@click.command(
    cls=Command,
    examples="""
    penstock push latest
    penstock push latest --override "accuracy each class" --reason "class 9 is relabelled"
    penstock push 1f2e --override all --reason "incident 4711" --by ana
    """,
)
@run_argument
@root_option
@serving_option
@click.option(
    "--override",
    multiple=True,
    metavar="RULE",
    help="Push although this rule is not met; `all` means all but the sanity rules. Repeatable.",
)
@click.option("--reason", metavar="TEXT", help="The reason; required with --override.")
@click.option("--by", metavar="NAME", help="Who decides.  [default: your login name]")
def push(
    run_id: str,
    root: Path,
    serving: Path | None,
    override: tuple[str, ...],
    reason: str | None,
    by: str | None,
) -> None:
    """Push the model of RUN: one that passed but is not serving, or one whose verdict you override.

    An override is recorded in the ledger, in the verdict and in the pushed version. An override of
    a comparison with the best version, such as "not worse than best overall", starts a new series:
    earlier versions no longer count as the best.
    """
    with nullcontext() if debug() else libraries_to(None):
        version, served = push_run(
            root, run_id, serving_dir=serving, override=override, reason=reason, by=by
        )
    say(f"version {version} is serving: {served}")
