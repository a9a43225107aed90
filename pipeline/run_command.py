"""`penstock run`, `runs` and `show`: what a run came to, in a short table."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.context import Context
from data.durable import read_json
from data.errors import BadDataError
from pipeline.console import RunView, libraries_to
from pipeline.graph import PipelineConfig
from pipeline.ledger import Ledger, Run
from pipeline.pictures import FOLDER, fetch
from pipeline.remembered import verdict_content, verdict_of
from pipeline.result import RunResult
from pipeline.run import run
from pipeline.run_record import settle_dead_runs, summaries
from pipeline.verdict_words import verdict_table

_STYLES = {
    "done": "green",
    "passed": "green",
    "failed": "red",
    "interrupted": "yellow",
    "killed": "yellow",
    "not configured": "yellow",
}


def run_and_show(
    pipeline: PipelineConfig,
    *,
    recipe: str,
    root: Path,
    beam_args: tuple[str, ...],
    debug: bool,
    **options: Any,
) -> int:
    """Run, show it live, print what it came to. Returns the exit code.

    `options` are those of `pipeline.run.run`.
    """
    started = time.perf_counter()
    beam_args = beam_args or Context.beam_args
    with RunView(root, debug=debug) as view:
        result = run(pipeline, root=root, beam_args=beam_args, watcher=view, **options)
    return show_result(result, recipe, root, time.perf_counter() - started)


def show_result(result: RunResult, recipe: str, root: Path, seconds: float) -> int:
    """Print what a run came to that has just ended. Returns its exit code."""
    out = _console()
    if all(execution.status == "reused" for execution in result.executions):
        steps = len(result.executions)
        out.print(f"[green]all is up to date[/]: {steps} steps reused, nothing ran")
    if result.verdict:
        out.print(verdict_table(read_json(result.verdict.path / "verdict.json")))
    for line in _where_and_what_next(result, recipe, root):
        out.print(line, soft_wrap=True)
    out.print(f"[dim]{seconds:.1f} s, exit code {result.run.exit_code}[/]")
    return result.run.exit_code or 0


def _where_and_what_next(result: RunResult, recipe: str, root: Path) -> Iterator[str]:
    push, at = result.push, "" if root == Path(".penstock") else f" --root {root}"
    following = [f"penstock show {result.run.id}{at}", f"penstock config {recipe}"]
    if push and push.served_path:
        served = _from_here(push.served_path)
        yield f"model     {escape(str(served))}"
        following.insert(0, f"penstock predict {served.parent} IMAGE.png")
    elif push and result.by_hand:
        yield f"model     {escape(str(_from_here(result.by_hand)))}, pushed by hand"
    elif push:
        yield f"model     not pushed: {escape(push.reason)}"
    if result.report:
        yield f"report    {escape(str(_from_here(result.report)))}"
    if result.pictures.files:
        folder = _from_here(result.pictures.files[0].parent)
        yield f"pictures  {escape(str(folder))}"
    for problem in result.pictures.problems:
        yield f"[yellow]warning[/]   {escape(problem)}"
    for heading, command in zip(("next", "", ""), following, strict=False):
        yield f"{heading:<9} {escape(command)}"


def _from_here(path: Path) -> Path:
    """Relative to the working directory if it lies below it: shorter to type."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def show_runs(root: Path, limit: int) -> None:
    """Print a table of the latest runs, the newest first."""
    with _ledger(root) as ledger:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in ("run", "seconds", "status", "verdict", "exit code"):
            justify: Any = "right" if heading == "seconds" else "left"
            table.add_column(heading, justify=justify, no_wrap=heading == "run")
        for found in ledger.runs(limit):
            table.add_row(
                escape(found.id),
                "" if found.seconds is None else f"{found.seconds:.1f}",
                _coloured(found.status),
                _coloured(found.verdict or ""),
                "" if found.exit_code is None else str(found.exit_code),
            )
    _console().print(table)


def show_run(root: Path, run_id: str) -> None:
    """Print one run: steps, what came out of each, the verdict.

    Raises:
        ConfigError: no such run, or several that begin or end so; with the close matches.
    """
    with _ledger(root) as ledger:
        found = ledger.find_run(run_id)
        executions = ledger.executions(found.id)
        verdict = verdict_of(root, ledger, found.id)
        content = verdict_content(ledger, verdict) if verdict else None
    out = _console()
    took = "" if found.seconds is None else f", {found.seconds:.1f} s"
    out.print(f"[bold]{escape(found.id)}[/]  {_when(found)}{took}  {_coloured(found.status)}")
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
        out.print(f"pictures  {escape(str(_from_here(pictures)))}", soft_wrap=True)


def show_pictures(root: Path, run_id: str, folder: Path, *, debug: bool) -> None:
    """Put a run's pictures into a folder and print each file; on stderr, what is not there and why.

    Raises:
        ConfigError: as `show_run`.
        BadDataError: the run has no pictures, and nothing is left to draw them from.
        EnvironmentTrouble: the folder cannot be written to.
    """
    with nullcontext() if debug else libraries_to(None), _ledger(root) as ledger:
        album = fetch(root, ledger, ledger.find_run(run_id).id, folder)
    for file in album.files:
        print(file)
    for problem in album.problems:
        print(f"warning: {problem}", file=sys.stderr)
    if not album.files:
        raise BadDataError(f"no picture of {run_id} could be drawn", got="; ".join(album.problems))


def _ledger(root: Path) -> Ledger:
    ledger = Ledger.existing(root)
    settle_dead_runs(root, ledger)
    return ledger


def _when(found: Run) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found.started))


def _coloured(word: str) -> str:
    return f"[{_STYLES[word]}]{word}[/]" if word in _STYLES else word


def _console() -> Console:
    return Console(highlight=False)
