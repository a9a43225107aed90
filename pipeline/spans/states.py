"""How each span of a pattern stands: whether a window may take it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from components.ingest import Config as Ingest
from data.base.visible_text import visible
from data.spans.listing import Listing, Ready, Span
from data.spans.patterns import absolute, is_pattern
from pipeline.config.graph import PipelineConfig, Step
from pipeline.spans.store import Notes, Sighting, read_notes, remember_sightings

_SHOWN = 8  # names that are listed


@dataclass(frozen=True, kw_only=True)
class SpanState:
    """A span, and whether a window may take it."""

    span: Span
    state: Literal["usable", "arriving", "excluded", "unreadable"]
    why: str = ""  # it is not usable

    @property
    def summary(self) -> str:
        return f"{self.span.name}: {self.state}{', ' if self.why else ''}{self.why}"


class SpanStates:
    """How the spans of the pattern `config.path` stand, the oldest first.

    The pattern is listed at once; the files of a span are looked at when it is first asked for.

    Args:
        config: of the ingest step.
        root: whose ledger remembers what is excluded or could not be read.
        now: seconds since the epoch.

    Attributes:
        names: of all spans, the oldest first.
        temporary: paths that are no spans, since their names are temporary ones.

    Raises:
        ConfigError, BadDataError, EnvironmentTrouble: as `data.spans.listing.Listing`, or the
            ledger cannot be used.
    """

    def __init__(self, config: Ingest, root: Path, *, now: float) -> None:
        self._pattern = absolute(str(config.path))
        self._root = root
        self._listing = Listing(self._pattern)
        self._notes = read_notes(root, self._pattern)
        self._ready = Ready(
            done_marker=config.done_marker,
            quiet_minutes=config.quiet_minutes,
            now=now,
            first_seen=self._first_seen,
        )
        self._looked: dict[str, SpanState] = {}
        self._sighted: list[Sighting] = []
        self.names, self.temporary = self._listing.names, self._listing.temporary

    def __iter__(self) -> Iterator[SpanState]:
        """All of them, each looked at."""
        return iter(self.newest(len(self.names)))

    def newest(self, count: int) -> list[SpanState]:
        """So many of them, the oldest first."""
        names = self.names[-count:]
        self._look(names)
        return [self._looked[name] for name in names]

    def of(self, name: str) -> SpanState:
        """How one of `names` stands."""
        self._look([name])
        return self._looked[name]

    def _look(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self._looked:
                span = self._listing.look(name, self._ready)
                self._looked[name] = _standing(span, self._notes)
        if self._sighted:
            remember_sightings(self._root, self._sighted)
            self._sighted = []

    def _first_seen(self, path: Path, digest: str) -> float:
        known = self._notes.sightings.get(str(path))
        if known and known.digest == digest and known.time <= self._ready.now:
            return known.time
        self._sighted.append(
            Sighting(pattern=self._pattern, path=str(path), digest=digest, time=self._ready.now)
        )
        return self._ready.now


def _standing(span: Span, notes: Notes) -> SpanState:
    if excluded := notes.excluded.get(span.name):
        why = f"by {excluded.by}: {excluded.reason}"
        return SpanState(span=span, state="excluded", why=why)
    if span.arriving:
        return SpanState(span=span, state="arriving", why=span.arriving)
    broken = notes.unreadable.get(span.name)
    if broken and (broken.version, broken.stamp) == (span.version, span.stamp):
        return SpanState(span=span, state="unreadable", why=broken.why)
    return SpanState(span=span, state="usable")


def describe_temporary(paths: Sequence[str]) -> str:
    """What is said of paths that are no spans because of their names."""
    names = ", ".join(os.path.basename(path) for path in paths[:_SHOWN])
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return visible(f"left out, for temporary or hidden names: {names}{more}")


def has_pattern(step: Step) -> bool:
    """Whether it is an ingest whose path is a pattern."""
    return isinstance(step.config, Ingest) and is_pattern(step.config.path)


def find_pattern_steps(pipeline: PipelineConfig) -> list[Step]:
    """The ingest steps whose path is a pattern."""
    return [step for step in pipeline.steps if has_pattern(step)]


def name_span_step(step: Step, span: str) -> str:
    """The name of the step that ingests a span."""
    return f"{step.name}-{span}"
