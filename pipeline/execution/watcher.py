"""Who is told what happens in a run."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.planning.plan import PlannedStep
from pipeline.storage.ledger import Execution


class Watcher:
    """Who is told what happens in a run; this one makes nothing of it."""

    def planned(self, run_id: str, plan: Sequence[PlannedStep]) -> None:
        """The run begins: these are its steps, and why each runs or is reused."""

    def started(self, step: str) -> None:
        """The step begins."""

    def progress(self, step: str, done: float, total: float | None, detail: str) -> None:
        """The step is so far, in whatever it counts; `total` is None where it does not know."""

    def waiting(self, step: str) -> None:
        """Another run is making the step's artifact; this one waits for it."""

    def warning(self, step: str, words: str) -> None:
        """The step goes on, and sees what is worth a look."""

    def job(self, state: str, url: str | None) -> None:
        """A submitted run's job has come to this state; `url` is where the runner shows it."""

    def ended(self, execution: Execution, summary: str) -> None:
        """The step was made or reused, `summary` says what came out; or it came to nothing."""
