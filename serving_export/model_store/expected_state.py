"""What a bundle was judged against; what has become another meanwhile forbids its push."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data.errors import StepError
from serving_export.model_store.best import NONE, read_best_digest
from serving_export.model_store.layout import identify_serving_version

ANY = "any"  # whatever it is


@dataclass(frozen=True)
class ExpectedState:
    """What must serve, and what must be the best; `ANY` is not checked."""

    serving: str | None = ANY  # as `layout.identify_serving_version` names it; None: nothing may
    best: str = ANY  # as `best.read_best_digest` names it

    def check(self, folder: Path) -> None:
        """Look at a model's folder.

        Raises:
            StepError: another model serves, or another version is the best.
        """
        serves = identify_serving_version(folder) or NONE
        self._compare(f"another model serves in {folder}", self.serving or NONE, serves)
        self._compare(
            f"another version is the best in {folder}", self.best, read_best_digest(folder)
        )

    @staticmethod
    def _compare(what: str, expected: str, got: str) -> None:
        if expected not in (ANY, got):
            raise StepError(
                f"{what} than the one that this one was judged against",
                expected=expected,
                got=got,
                follows="nothing was pushed",
                remedy="run again: the candidate is then compared with what is there now",
            )
