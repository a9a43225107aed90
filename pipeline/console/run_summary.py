"""Print the result of a run: the verdict, the model, where files are, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.markup import escape

from data.files.documents import read_document
from pipeline.config.commands import format_command
from pipeline.console.terminal import Console
from pipeline.console.verdict_table import verdict_table
from pipeline.execution.result import RunResult
from pipeline.inspection.report_and_pictures import ReportAndPictures


def show_result(
    result: RunResult, drawn: ReportAndPictures, recipe: str, root: Path, seconds: float
) -> int:
    """Print the result of a run that has just ended. Returns its exit code."""
    out = Console()
    if all(execution.status == "cached" for execution in result.executions):
        steps = f"{len(result.executions)} steps cached, nothing ran"
        claim = "" if result.unseen else "[green]everything is up to date[/]: "
        out.print(f"{claim}{steps}")
    for name in result.unseen:
        out.print(
            f"[yellow]cached[/]; changes to the data of {escape(name)} cannot be detected",
            soft_wrap=True,
        )
    if result.verdict:
        out.print(verdict_table(read_document(result.verdict.path / "verdict.json")))
    for line in _where_and_what_next(result, drawn, recipe, root):
        out.print(line, soft_wrap=True)
    out.print(f"[dim]{seconds:.1f} s, exit code {result.run.exit_code}[/]")
    return result.run.exit_code or 0


def _where_and_what_next(
    result: RunResult, drawn: ReportAndPictures, recipe: str, root: Path
) -> Iterator[str]:
    push = result.push
    commands = [format_command("show", result.run.id, root=root), format_command("config", recipe)]
    if push and push.served_path:
        served = from_here(push.served_path)
        yield f"model     {escape(str(served))}"
        commands.insert(0, format_command("predict", served.parent, "IMAGE.png"))
    elif push and result.serves and result.by_hand:
        yield f"model     {escape(str(from_here(result.serves)))}, pushed by hand"
    elif push:
        yield f"model     not pushed: {escape(push.reason)}"
    if result.serves and not result.by_hand:
        served = from_here(result.serves)
        yield f"serving   {escape(str(served))}: the same model, pushed under other rules"
        commands.insert(1, format_command("rollback", served.parent))
    if drawn.report:
        yield f"report    {escape(str(from_here(drawn.report)))}"
    if drawn.pictures.files:
        folder = from_here(drawn.pictures.files[0].parent)
        yield f"pictures  {escape(str(folder))}"
    for problem in drawn.pictures.problems:
        yield f"[yellow]warning[/]   {escape(problem)}"
    for heading, line in zip(("next", "", ""), commands, strict=False):
        yield f"{heading:<9} {escape(line)}"


def from_here(path: Path) -> Path:
    """Return a path relative to the working directory, if it lies below that."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
