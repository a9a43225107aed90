"""`penstock runs`, `show` and `report`: what ran, and what came of it."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from data.errors import BadDataError
from pipeline.cli.app import cli, debug, prepare_libraries, root_option
from pipeline.console.streams import say

if TYPE_CHECKING:
    from pipeline.storage.ledger import Ledger, Run


def show_runs(root: Path, limit: int) -> None:
    """Print a table of the latest runs, the newest first."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from pipeline.console.run_summary import coloured
    from pipeline.console.terminal import Console

    with _ledger(root) as ledger:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in ("run", "seconds", "status", "verdict", "exit code"):
            justify: Any = "right" if heading == "seconds" else "left"
            table.add_column(heading, justify=justify, no_wrap=heading == "run")
        for found in ledger.runs(limit):
            table.add_row(
                escape(found.id),
                "" if found.seconds is None else f"{found.seconds:.1f}",
                coloured(found.status),
                coloured(found.verdict or ""),
                "" if found.exit_code is None else str(found.exit_code),
            )
    Console().print(table)


def show_run(root: Path, run_id: str) -> None:
    """Print one run: steps, what came out of each, the verdict.

    Raises:
        ConfigError: no such run, or several that begin or end so; with the close matches.
    """
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from pipeline.console.run_summary import coloured, from_here
    from pipeline.console.terminal import Console
    from pipeline.console.verdict_table import verdict_table
    from pipeline.inspection.run_pictures import FOLDER
    from pipeline.storage.artifact_lookup import find_verdict, read_verdict
    from pipeline.storage.run_folder import summaries

    with _ledger(root) as ledger:
        found = ledger.find_run(run_id)
        executions = ledger.executions(found.id)
        verdict = find_verdict(root, ledger, found.id)
        content = read_verdict(ledger, verdict) if verdict else None
    out = Console()
    took = "" if found.seconds is None else f", {found.seconds:.1f} s"
    out.print(f"[bold]{escape(found.id)}[/]  {_when(found)}{took}  {coloured(found.status)}")
    said = summaries(root / "runs" / found.id)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("step", "status", "seconds", "fingerprint", "what came out"):
        table.add_column(heading, justify="right" if heading == "seconds" else "left")
    for e in executions:
        came_out = e.error or said.get(e.step, "")
        table.add_row(
            escape(e.step), e.status, f"{e.seconds:.1f}", e.fingerprint[:12], escape(came_out)
        )
    out.print(table)
    if content:
        out.print(verdict_table(content))
    pictures = root / "runs" / found.id / FOLDER
    if pictures.is_dir():
        out.print(f"pictures  {escape(str(from_here(pictures)))}", soft_wrap=True)


def show_pictures(root: Path, run_id: str, folder: Path, *, debug: bool) -> None:
    """Put a run's pictures into a folder and print each file; on stderr, what is not there and why.

    Raises:
        ConfigError: as `show_run`.
        BadDataError: the run has no pictures, and nothing is left to draw them from.
        EnvironmentTrouble: the folder cannot be written to.
    """
    from pipeline.console.quiet_libraries import libraries_to
    from pipeline.inspection.run_pictures import fetch

    with nullcontext() if debug else libraries_to(None), _ledger(root) as ledger:
        album = fetch(root, ledger, ledger.find_run(run_id).id, folder)
    for file in album.files:
        say(file)
    for problem in album.problems:
        say(f"warning: {problem}", error=True)
    if not album.files:
        raise BadDataError(f"no picture of {run_id} could be drawn", got="; ".join(album.problems))


def _ledger(root: Path) -> Ledger:
    from pipeline.storage.ledger import Ledger
    from pipeline.storage.run_folder import mark_killed_runs

    ledger = Ledger.existing(root)
    mark_killed_runs(root, ledger)
    return ledger


def _when(found: Run) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found.started))


@cli.command(examples="penstock runs --last 5")
@root_option
@click.option("--last", "limit", default=20, show_default=True, help="How many, the newest first.")
def runs(root: Path, limit: int) -> None:
    """List what ran: when, how long, how it ended."""
    show_runs(root, limit)


@cli.command(
    examples="""
    penstock show latest
    penstock show 20261121-093000-digits-1f2e
    penstock show latest --pictures DIR
    """
)
@click.argument("run_id", metavar="RUN")
@root_option
@click.option(
    "--pictures",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Put the run's pictures into DIR instead, drawn anew where it has none.",
)
def show(run_id: str, root: Path, pictures: Path | None) -> None:
    """Show RUN: its steps, what came out of each, and the verdict.

    RUN is a run's id, the beginning or end of one, or `latest`.
    """
    if pictures is None:
        show_run(root, run_id)
    else:
        prepare_libraries()
        show_pictures(root, run_id, pictures, debug=debug())


@cli.command(
    examples="""
    penstock report latest
    penstock report 20261121-093000-digits-1f2e --output report.html
    """
)
@click.argument("run_id", metavar="RUN")
@root_option
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write it here.  [default: ROOT/runs/RUN/report.html]",
)
def report(run_id: str, root: Path, output: Path | None) -> None:
    """Write all there is to say of RUN as one HTML file, and print where it lies.

    RUN is a run's id, the beginning or end of one, or `latest`. The file needs nothing beside it:
    no network, no other file.
    """
    from pipeline.inspection.run_report import report_run

    say(report_run(root, run_id, output))
