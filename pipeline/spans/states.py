"""How each span of a pattern stands: whether a window may take it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from components.ingest import Config as Ingest
from data.spans.listing import Ready, Span, list_spans
from data.spans.patterns import absolute, is_pattern
from pipeline.config.graph import PipelineConfig, Step
from pipeline.spans.store import Notes, notes_of


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A span, and whether a window may take it."""

    span: Span
    state: Literal["usable", "arriving", "excluded", "unreadable"]
    why: str = ""  # it is not usable

    @property
    def words(self) -> str:
        return f"{self.span.name}: {self.state}{', ' if self.why else ''}{self.why}"


def standings(config: Ingest, root: Path, *, now: float) -> list[Standing]:
    """Every span of the pattern `config.path`, the oldest first.

    Args:
        config: of the ingest step.
        root: whose ledger remembers what is excluded or could not be read.
        now: seconds since the epoch.

    Raises:
        ConfigError, BadDataError, EnvironmentTrouble: as `data.spans.listing.list_spans`, or the
            ledger cannot be used.
    """
    pattern = absolute(str(config.path))
    ready = Ready(done_marker=config.done_marker, quiet_minutes=config.quiet_minutes, now=now)
    notes = notes_of(root, pattern)
    return [_standing(span, notes) for span in list_spans(pattern, ready)]


def _standing(span: Span, notes: Notes) -> Standing:
    if excluded := notes.excluded.get(span.name):
        why = f"by {excluded.by}: {excluded.reason}"
        return Standing(span=span, state="excluded", why=why)
    if span.arriving:
        return Standing(span=span, state="arriving", why=span.arriving)
    broken = notes.unreadable.get(span.name)
    if broken and (broken.version, broken.stamp) == (span.version, span.stamp):
        return Standing(span=span, state="unreadable", why=broken.why)
    return Standing(span=span, state="usable")


def has_pattern(step: Step) -> bool:
    """Whether it is an ingest whose path is a pattern."""
    return isinstance(step.config, Ingest) and is_pattern(step.config.path)


def pattern_steps(pipeline: PipelineConfig) -> list[Step]:
    """The ingest steps whose path is a pattern."""
    return [step for step in pipeline.steps if has_pattern(step)]


def step_name(step: Step, span: str) -> str:
    """The name of the step that ingests a span."""
    return f"{step.name}-{span}"
