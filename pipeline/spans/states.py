"""Find out the state of each span of a pattern: whether a window may take it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from components.ingest import Config as Ingest
from data.base.visible_text import escape_controls
from data.spans.listing import Listing, Readiness, Span
from data.spans.patterns import is_pattern, make_absolute
from pipeline.config.graph import PipelineConfig, Step
from pipeline.spans.store import Notes, Sighting, read_notes, remember_sightings

_SHOWN = 8  # names that a message lists


@dataclass(frozen=True, kw_only=True)
class SpanState:
    """A span, and whether a window may take it."""

    span: Span
    state: Literal["usable", "incomplete", "excluded", "unreadable"]
    why: str = ""  # why it is not usable

    @property
    def summary(self) -> str:
        """The span, its state and the reason, in one line."""
        return f"{self.span.name}: {self.state}{', ' if self.why else ''}{self.why}"


class SpanStates:
    """The states of the spans of the pattern `config.path`, the oldest first.

    The pattern is listed at once; a span's files are examined when its state is first asked for.

    Args:
        config: of the ingest step.
        root: whose ledger records which spans are excluded or unreadable.
        now: seconds since the epoch.

    Attributes:
        names: of all spans, the oldest first.
        temporary: paths with temporary names, which are not spans.

    Raises:
        ConfigError, BadDataError, EnvironmentTrouble: as `data.spans.listing.Listing`, or the
            ledger cannot be used.
    """

    def __init__(self, config: Ingest, root: Path, *, now: float) -> None:
        self._pattern = make_absolute(str(config.path))
        self._root = root
        self._listing = Listing(self._pattern)
        self._notes = read_notes(root, self._pattern)
        self._ready = Readiness(
            done_marker=config.done_marker,
            quiet_minutes=config.quiet_minutes,
            now=now,
            first_seen=self._first_seen,
        )
        self._states: dict[str, SpanState] = {}
        self._new_sightings: list[Sighting] = []
        self.names, self.temporary = self._listing.names, self._listing.temporary

    def __iter__(self) -> Iterator[SpanState]:
        """Iterate over the states of all spans."""
        return iter(self.newest(len(self.names)))

    def newest(self, count: int) -> list[SpanState]:
        """The states of the newest spans, the oldest first."""
        names = self.names[-count:]
        self._examine(names)
        return [self._states[name] for name in names]

    def of(self, name: str) -> SpanState:
        """The state of one of `names`."""
        self._examine([name])
        return self._states[name]

    def _examine(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self._states:
                span = self._listing.inspect(name, self._ready)
                self._states[name] = _find_state(span, self._notes)
        if self._new_sightings:
            remember_sightings(self._root, self._new_sightings)
            self._new_sightings = []

    def _first_seen(self, path: Path, digest: str) -> float:
        """When files were first seen as they are, by this machine's clock."""
        earlier = self._notes.sightings.get(str(path))
        if earlier and earlier.digest == digest and earlier.time <= self._ready.now:
            return earlier.time
        self._new_sightings.append(
            Sighting(pattern=self._pattern, path=str(path), digest=digest, time=self._ready.now)
        )
        return self._ready.now


def _find_state(span: Span, notes: Notes) -> SpanState:
    if excluded := notes.excluded.get(span.name):
        why = f"by {excluded.by}: {excluded.reason}"
        return SpanState(span=span, state="excluded", why=why)
    if span.incomplete:
        return SpanState(span=span, state="incomplete", why=span.incomplete)
    failed = notes.unreadable.get(span.name)
    if failed and (failed.version, failed.stamp) == (span.version, span.stamp):
        return SpanState(span=span, state="unreadable", why=failed.why)
    return SpanState(span=span, state="usable")


def describe_temporary(paths: Sequence[str]) -> str:
    """Describe the paths that are left out because of their names."""
    names = ", ".join(os.path.basename(path) for path in paths[:_SHOWN])
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return escape_controls(f"left out because their names are temporary or hidden: {names}{more}")


def has_pattern(step: Step) -> bool:
    """Whether the step is an ingest whose path is a pattern."""
    return isinstance(step.config, Ingest) and is_pattern(step.config.path)


def find_pattern_steps(pipeline: PipelineConfig) -> list[Step]:
    """Find the ingest steps whose path is a pattern."""
    return [step for step in pipeline.steps if has_pattern(step)]


def name_span_step(step: Step, span: str) -> str:
    """Name the step that ingests a span."""
    return f"{step.name}-{span}"
