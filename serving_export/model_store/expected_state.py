"""Check before a push that the models which a bundle was compared with are unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data.errors import StepError
from serving_export.model_store.best import NONE, read_best_digest
from serving_export.model_store.layout import identify_serving_version

ANY = "any"  # not checked


@dataclass(frozen=True)
class ExpectedState:
    """The expected serving version and best version."""

    serving: str | None = ANY  # from `layout.identify_serving_version`; None: no version
    best: str = ANY  # from `best.read_best_digest`

    def check(self, folder: Path) -> None:
        """Check a model's folder.

        Raises:
            StepError: another model serves, or another version is the best.
        """
        serving = identify_serving_version(folder) or NONE
        self._compare(f"the serving model in {folder}", self.serving or NONE, serving)
        self._compare(f"the best version in {folder}", self.best, read_best_digest(folder))

    @staticmethod
    def _compare(what: str, expected: str, got: str) -> None:
        if expected not in (ANY, got):
            raise StepError(
                f"{what} changed after the candidate was compared with it",
                expected=expected,
                got=got,
                follows="nothing was pushed",
                remedy="run again, to compare the candidate with the current models",
            )
