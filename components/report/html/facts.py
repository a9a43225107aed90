"""Define the facts that a report is made from: a run, its verdict, and the results of its steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from components.artifacts import Examples


@dataclass(frozen=True, kw_only=True)
class StepFacts:
    """The result of one step of a run."""

    step: str
    component: str
    fingerprint: str
    status: str  # completed, cached, failed, interrupted
    seconds: float
    summary: str = ""  # the result, or the error
    inputs: tuple[str, ...] = ()  # "examples: ingest.examples"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A run as its report shows it. The report says so where a fact is None."""

    run_id: str
    pipeline: str
    status: str  # of the run: completed, failed, …
    started: float  # seconds since the epoch
    verdict: dict[str, Any] | None = None  # as in verdict.json
    history: dict[str, Any] | None = None  # of the training: name → a number per epoch
    history_problem: str = ""  # why an existing history.json cannot be shown
    examples: Examples | None = None  # those that the verdict is about
    lineage: tuple[StepFacts, ...] = ()
    push: dict[str, Any] | None = None  # pushed, version, served_path, reason
    override: dict[str, Any] | None = None  # rules, by, reason
    reproduce: tuple[str, ...] = ()  # shell commands
    config: str = ""  # TOML
