"""`penstock runs`, `show` and `report`: the runs, and the results of one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from data.errors import BadDataError
from pipeline.cli.lazy_group import Command
from pipeline.cli.options import FILE, debug, json_option, print_json, root_option, run_argument
from pipeline.console.listing import Cell, Column, colour, print_listing, shorten_digests
from pipeline.console.quiet_libraries import libraries_to
from pipeline.console.run_summary import from_here
from pipeline.console.streams import say
from pipeline.console.terminal import Console
from pipeline.console.verdict_table import verdict_table
from pipeline.execution.events import NO_NOTES, StepNotes, read_step_notes
from pipeline.inspection.run_pictures import FOLDER, fetch_pictures
from pipeline.inspection.run_report import REPORT, report_run
from pipeline.storage.artifact_lookup import find_verdict, read_verdict
from pipeline.storage.ledger import Ledger
from pipeline.storage.run_folder import mark_killed_runs
from pipeline.storage.tables import Execution, Run

_RUN_COLUMNS = (
    Column("run", title=True),
    Column("seconds", right=True),
    Column("status", title=True),
    Column("verdict"),
    Column("accuracy", right=True),
    Column("exit", right=True),
)
_STEP_COLUMNS = (
    Column("step", title=True),
    Column("status", title=True),
    Column("seconds", right=True),
    Column("fingerprint"),
    Column("why it ran", fold=24),
    Column("result", fold=24),
)


@click.command(cls=Command, examples="penstock runs --last 5")
@root_option
@click.option("--last", "limit", default=20, show_default=True, help="How many, newest first.")
@json_option
def runs(root: Path, limit: int, as_json: bool) -> None:
    """List the runs, newest first: duration, status, verdict, accuracy."""
    with _ledger(root) as ledger:
        latest = ledger.runs(limit)
        accuracies = {run.id: _accuracy(root, ledger, run) for run in latest}
    if as_json:
        print_json([{**_facts(run), "accuracy": accuracies[run.id]} for run in latest])
        return
    print_listing(
        _RUN_COLUMNS,
        (
            (
                run.id,
                "" if run.seconds is None else f"{run.seconds:.1f}",
                colour(run.status),
                colour(run.verdict or ""),
                "" if accuracies[run.id] is None else f"{accuracies[run.id]:.4f}",
                "" if run.exit_code is None else str(run.exit_code),
            )
            for run in latest
        ),
    )


@click.command(
    cls=Command,
    examples="""
    penstock show latest
    penstock show 20261121-093000-digits-1f2e
    penstock show latest --pictures DIR
    """,
)
@run_argument
@root_option
@click.option(
    "--pictures",
    type=FILE,
    metavar="DIR",
    help="Copy the run's pictures to DIR instead; draw them if the run has none.",
)
@json_option
def show(run_id: str, root: Path, pictures: Path | None, as_json: bool) -> None:
    """Show the steps of RUN, the result of each, and the verdict.

    RUN is the id of a run, the beginning or end of one, or `latest`.
    """
    if pictures is not None:
        _copy_pictures(root, run_id, pictures)
        return
    with _ledger(root) as ledger:
        run = ledger.find_run(run_id)
        executions = ledger.executions(run.id)
        content = _verdict(root, ledger, run)
    folder = root / "runs" / run.id
    notes = read_step_notes(folder)
    report, drawn = folder / REPORT, folder / FOLDER
    if as_json:
        steps = [{**asdict(e), **asdict(notes.get(e.step, NO_NOTES))} for e in executions]
        places = {
            "report": str(report) if report.is_file() else None,
            "pictures": str(drawn) if drawn.is_dir() else None,
        }
        print_json({**_facts(run), "steps": steps, "verdict_content": content, **places})
        return
    _print_run(run)
    print_listing(_STEP_COLUMNS, (_step_row(e, notes.get(e.step, NO_NOTES)) for e in executions))
    if content:
        say("")
        Console().print(verdict_table(content))
    for label, path in (("report", report), ("pictures", drawn)):
        if path.exists():
            say(f"{label:<10}{from_here(path)}")


@click.command(
    cls=Command,
    examples="""
    penstock report latest
    penstock report 20261121-093000-digits-1f2e --output report.html
    """,
)
@run_argument
@root_option
@click.option(
    "--output",
    type=FILE,
    metavar="FILE",
    help="Write the report to this file.  [default: ROOT/runs/RUN/report.html]",
)
def report(run_id: str, root: Path, output: Path | None) -> None:
    """Write the report of RUN as one HTML file, and print its path.

    RUN is the id of a run, the beginning or end of one, or `latest`. The file is complete by
    itself: it loads nothing from the network or from other files.
    """
    say(report_run(root, run_id, output))


def _ledger(root: Path) -> Ledger:
    ledger = Ledger.existing(root)
    mark_killed_runs(root, ledger)
    return ledger


def _verdict(root: Path, ledger: Ledger, run: Run) -> dict[str, Any] | None:
    """Return the content of the run's `verdict.json`, or None where there is none."""
    verdict = find_verdict(root, ledger, run.id)
    return read_verdict(ledger, verdict) if verdict else None


def _accuracy(root: Path, ledger: Ledger, run: Run) -> float | None:
    """Return the candidate's accuracy, where the verdict still exists and holds one."""
    if run.verdict is None:
        return None
    try:
        content = _verdict(root, ledger, run)
        accuracy = content and content["metrics"]["candidate"]["overall"]["accuracy"]
    except (BadDataError, KeyError, TypeError):  # of an evaluate of the user's own
        return None
    return accuracy if isinstance(accuracy, int | float) else None


def _facts(run: Run) -> dict[str, Any]:
    return {name: value for name, value in asdict(run).items() if name != "config"}


def _print_run(run: Run) -> None:
    started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.started))
    took = "" if run.seconds is None else f", {run.seconds:.1f} s"
    print_listing(
        [Column("", title=True)] * 3,
        [(run.id, f"{started}{took}", colour(run.status))],
    )
    say("")


def _step_row(execution: Execution, notes: StepNotes) -> Sequence[Cell]:
    return (
        execution.step,
        colour(execution.status),
        f"{execution.seconds:.1f}",
        execution.fingerprint[:12],
        shorten_digests("; ".join(notes.why)),
        execution.error or notes.summary,
    )


def _copy_pictures(root: Path, run_id: str, folder: Path) -> None:
    """Copy a run's pictures to a folder, print each file, and warn on stderr of missing ones.

    Raises:
        ConfigError: no such run.
        BadDataError: the run has no pictures, and the artifacts to draw them from are gone.
        EnvironmentTrouble: the folder cannot be written to.
    """
    with nullcontext() if debug() else libraries_to(None), _ledger(root) as ledger:
        album = fetch_pictures(root, ledger, ledger.find_run(run_id).id, folder)
    for file in album.files:
        say(file)
    for problem in album.problems:
        say(f"warning: {problem}", error=True)
    if not album.files:
        raise BadDataError(
            f"no picture of run {run_id} could be drawn", got="; ".join(album.problems)
        )
