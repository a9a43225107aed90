"""Show a run while it runs: the plan, then one line of progress for each step."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.markup import escape
from rich.text import Text

from pipeline.console.listing import Column, Listing, shorten_digests
from pipeline.console.own_output import own_output_to
from pipeline.console.quiet_libraries import libraries_to
from pipeline.console.terminal import Console
from pipeline.execution.events import (
    RUN_EVENTS,
    Event,
    JobStateChanged,
    OutputPrinted,
    RunPlanned,
    StepEnded,
    StepProgress,
    StepStarted,
    StepWaiting,
    StepWarning,
    append_event,
)

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


_MARKS = {
    "completed": "[green]✓[/]",
    "cached": "[dim]=[/]",
    "failed": "[red]✗[/]",
    "interrupted": "[yellow]![/]",
}
_PLAN = (Column("", title=True), Column("", title=True), Column("", fold=24))
_WIDE = 120  # columns that have room for a bar beside the figures of a training
_PLAIN_EVERY = 10.0  # seconds between progress lines where there is no terminal


class RunView:
    """Shows the progress of a run: live on a terminal, else as plain lines.

    The output of libraries goes to `<root>/runs/<run id>/libraries.log`, unless `debug` is set. The
    output of the user's own code is shown, and recorded as an event of the run.
    """

    def __init__(self, root: Path, *, debug: bool = False) -> None:
        self._root = root
        self._debug = debug
        self._stack = contextlib.ExitStack()
        self.console = Console(stderr=True)
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._width = 0
        self._step: str | None = None  # that is running
        self._last_line = 0.0
        self.run_id = ""
        self._cached: set[str] = set()  # the steps that the plan calls cached
        self._idle = False  # all steps are cached: there is nothing to show
        self.log: Path | None = None

    def __enter__(self) -> RunView:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._stack.close()
        self.console = Console(stderr=True)
        if self._step and isinstance(error, Exception):
            error.add_note(f"after a fix, the same command continues from step {self._step!r}")
            if self.log:
                error.add_note(f"the output of the libraries: {self.log}")

    def emit(self, event: Event) -> None:
        """Show an event of the run."""
        match event:
            case RunPlanned():
                self._show_plan(event)
            case StepStarted():
                self._start(event.step)
            case StepProgress():
                self._show_progress(event)
            case StepWaiting():
                self.console.print(
                    f"[yellow]…[/] {event.step}: waiting for another run that computes it"
                )
            case StepWarning():
                self.console.print(
                    f"[yellow]warning[/] {event.step}: {escape(event.message)}", soft_wrap=True
                )
            case JobStateChanged():
                where = f"  [dim]{escape(event.url)}[/]" if event.url else ""
                self.console.print(f"[dim]…[/] job  {event.state.lower()}{where}", soft_wrap=True)
            case StepEnded():
                self._show_end(event)

    def _show_plan(self, plan: RunPlanned) -> None:
        self.run_id = plan.run_id
        self._width = max(len(step.name) for step in plan.steps)
        self._cached = {step.name for step in plan.steps if step.cached}
        self._idle = len(self._cached) == len(plan.steps)
        if self._idle:
            return
        self.console.print(f"[bold]run {plan.run_id}[/]  in {escape(str(self._root))}")
        self.console.print(plan_listing((step.name, step.cached, step.why) for step in plan.steps))
        if not self._debug:
            self.log = self._root / "runs" / plan.run_id / "libraries.log"
            self.console = self._stack.enter_context(libraries_to(self.log))
            self._stack.enter_context(own_output_to(self._show_own))
        if self.console.is_terminal:
            self._progress = self._stack.enter_context(_live(self.console))

    def _show_own(self, line: str) -> None:
        self.console.print(Text(line), soft_wrap=True)
        with contextlib.suppress(OSError):
            file = self._root / "runs" / self.run_id / RUN_EVENTS
            append_event(file, OutputPrinted(text=line))

    def _start(self, step: str) -> None:
        self._last_line = time.monotonic()
        self._step = step
        if self._progress:
            self._task = self._progress.add_task(f"{step:<{self._width}}", total=None, detail="")

    def _show_progress(self, event: StepProgress) -> None:
        done, total, detail = event.done, event.total, escape(event.detail)
        if self._progress and self._task is not None:
            self._progress.update(self._task, completed=done, total=total, detail=detail)
        elif not self._progress and time.monotonic() - self._last_line >= _PLAIN_EVERY:
            self._last_line = time.monotonic()
            share = f"{done / total:4.0%}  " if total else ""
            self.console.print(f"… {event.step:<{self._width}}  {share}{detail}")

    def cancel_or_detach(self) -> Literal["cancel", "detach"]:
        """Ask whether to cancel a submitted job; without a terminal, leave it running."""
        if self._progress:
            self._progress.stop()
        if not (self.console.is_terminal and sys.stdin.isatty()):
            return "detach"
        self.console.print("\nCancel the job on the cluster, or leave it running? \\[c/L] ", end="")
        try:
            return "cancel" if sys.stdin.readline().strip().lower().startswith("c") else "detach"
        except KeyboardInterrupt:
            return "detach"

    def _show_end(self, event: StepEnded) -> None:
        execution, summary = event.execution, event.summary
        if event.step in self._cached and event.why:  # the plan did not say so
            summary = "; ".join(filter(None, (*event.why, summary)))
        if event.succeeded:
            self._step = None
        if self._progress and self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
        if self._idle:
            return
        took = f"{execution.seconds:6.1f} s"
        what = {"completed": took, "cached": "  cached"}.get(
            execution.status, f"{execution.status} after {took.strip()}"
        )
        mark, name = _MARKS[execution.status], f"{execution.step:<{self._width}}"
        self.console.print(f"{mark} {name}  {what}  [dim]{escape(summary)}[/]", soft_wrap=True)


def plan_listing(plan: Iterable[tuple[str, bool, Sequence[str]]]) -> Listing:
    """Lay out a plan.

    Args:
        plan: the name of each step, whether its result is cached, and why the step runs.
    """
    rows = (
        (step, "cached" if cached else "run", Text(shorten_digests("; ".join(why[:4])), "dim"))
        for step, cached, why in plan
    )
    return Listing(_PLAN, rows, indent=2)


def _live(console: Console) -> Progress:
    from rich.progress import (  # not needed if all steps are cached
        BarColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.table import Column

    # The detail gets the rest of the line, and alone may be cut.
    detail = TextColumn(
        "{task.fields[detail]}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")
    )
    columns: list[ProgressColumn] = [TextColumn("{task.description}"), TaskProgressColumn(), detail]
    if console.width >= _WIDE:
        columns[1:1] = [BarColumn(bar_width=24)]
        columns[3:3] = [TimeElapsedColumn()]
        columns[0:0] = [SpinnerColumn()]
    return Progress(
        *columns,
        console=console,
        transient=True,
        expand=True,
        redirect_stdout=False,  # `own_output_to` does it
        redirect_stderr=False,
    )
