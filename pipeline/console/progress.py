"""Show how far a command is that counts files: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.console.terminal import Console


@contextmanager
def show_progress(console: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that takes how many are done, and of how many."""
    if not console.is_terminal:
        yield lambda done, total: None
        return
    from rich.progress import MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), TaskProgressColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)

        def update(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield update
