"""Where a step's doings are written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pipeline.storage.tables import Execution, Lineage


class StepLog(Protocol):
    """Where a step's doings are written down: the ledger, and whoever watches."""

    @property
    def run_id(self) -> str: ...

    def started(self, step: str) -> None:
        """The step begins."""

    def progress(
        self, step: str, done: float, total: float | None = None, detail: str = ""
    ) -> None:
        """The step is so far, in whatever it counts; `total` is None where it does not know."""

    def waiting(self, step: str) -> None:
        """Another run is making the step's artifact; this one waits for it."""

    def warning(self, step: str, words: str) -> None:
        """The step goes on, and sees what is worth a look."""

    def ended(
        self,
        execution: Execution,
        artifacts: Mapping[str, tuple[str, Any]],
        lineage: Sequence[Lineage],
        summary: str,
    ) -> None:
        """The step was made, reused, or came to nothing.

        Args:
            execution: what it did.
            artifacts: output → type and facts of what was made, now or before.
            lineage: what those were made of.
            summary: what came out, in words.
        """
