"""What a run came to, printed at its end: verdict, model, and which command comes next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.markup import escape

from data.files.documents import read_document
from pipeline.config.commands import format_command
from pipeline.console.terminal import Console
from pipeline.console.verdict_table import verdict_table
from pipeline.execution.result import RunResult

_STYLES = {
    "done": "green",
    "passed": "green",
    "failed": "red",
    "interrupted": "yellow",
    "killed": "yellow",
    "cancelled": "yellow",
    "not configured": "yellow",
}


def show_result(result: RunResult, recipe: str, root: Path, seconds: float) -> int:
    """Print what a run came to that has just ended. Returns its exit code."""
    out = Console()
    if all(execution.status == "reused" for execution in result.executions):
        steps = f"{len(result.executions)} steps reused, nothing ran"
        claim = "" if result.unseen else "[green]all is up to date[/]: "
        out.print(f"{claim}{steps}")
    for name in result.unseen:
        out.print(
            f"[yellow]cached[/]; the data of {escape(name)} was not looked at", soft_wrap=True
        )
    if result.verdict:
        out.print(verdict_table(read_document(result.verdict.path / "verdict.json")))
    for line in _where_and_what_next(result, recipe, root):
        out.print(line, soft_wrap=True)
    out.print(f"[dim]{seconds:.1f} s, exit code {result.run.exit_code}[/]")
    return result.run.exit_code or 0


def _where_and_what_next(result: RunResult, recipe: str, root: Path) -> Iterator[str]:
    push = result.push
    following = [format_command("show", result.run.id, root=root), format_command("config", recipe)]
    if push and push.served_path:
        served = from_here(push.served_path)
        yield f"model     {escape(str(served))}"
        following.insert(0, format_command("predict", served.parent, "IMAGE.png"))
    elif push and result.serves and result.by_hand:
        yield f"model     {escape(str(from_here(result.serves)))}, pushed by hand"
    elif push:
        yield f"model     not pushed: {escape(push.reason)}"
    if result.serves and not result.by_hand:
        served = from_here(result.serves)
        yield f"serving   {escape(str(served))}: this very model, pushed under other rules"
        following.insert(1, format_command("rollback", served.parent))
    if result.report:
        yield f"report    {escape(str(from_here(result.report)))}"
    if result.pictures.files:
        folder = from_here(result.pictures.files[0].parent)
        yield f"pictures  {escape(str(folder))}"
    for problem in result.pictures.problems:
        yield f"[yellow]warning[/]   {escape(problem)}"
    for heading, words in zip(("next", "", ""), following, strict=False):
        yield f"{heading:<9} {escape(words)}"


def from_here(path: Path) -> Path:
    """Relative to the working directory if it lies below it: shorter to type."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def coloured(word: str) -> str:
    return f"[{_STYLES[word]}]{word}[/]" if word in _STYLES else word
