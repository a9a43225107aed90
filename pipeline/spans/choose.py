"""Which spans a window takes, and which it would have taken otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.ingest import Config as Ingest
from data.errors import BadDataError, ConfigError, did_you_mean
from data.spans.patterns import absolute
from data.spans.windows import Window
from pipeline.config.graph import Step
from pipeline.spans.states import SpanState, SpanStates
from pipeline.storage.database import FILE
from pipeline.storage.ledger import Ledger

_SHOWN = 8  # spans that an error lists


@dataclass(frozen=True, kw_only=True)
class ChosenSpans:
    """What a window takes, the oldest first, and what it would have taken otherwise."""

    taken: list[SpanState]
    left_out: list[SpanState]
    temporary: list[str]  # paths that are no spans, since their names are temporary ones


def choose_spans(pipeline: str, step: Step, root: Path, *, now: float) -> ChosenSpans:
    """What the window of an ingest step takes now; `pipeline` is the pipeline's name.

    Raises:
        ConfigError, BadDataError, EnvironmentTrouble: as `SpanStates` and `choose`.
    """
    pushed = None
    if Window.of(step.config.window).since_push:
        pushed = _pushed_span(root, pipeline, step.name, absolute(step.config.path))
    return choose(step.config, SpanStates(step.config, root, now=now), pushed)


def choose(config: Ingest, spans: SpanStates, pushed: str | None) -> ChosenSpans:
    """What `config.window` takes of the spans; no more of them are looked at than that needs.

    Args:
        config: of the ingest step.
        spans: all of the pattern.
        pushed: the newest span of the last run that pushed; None where none did.

    Raises:
        ConfigError: the window names a span that there is not, with the close matches.
        BadDataError: none of the window's spans can be used; says why of each.
    """
    window = Window.of(config.window)
    for name in window.names or ():
        if name not in spans.names:
            raise ConfigError(
                f"ingest.window: no span {name!r} fits {config.path}",
                remedy=did_you_mean(name, spans.names),
            )
    candidates = window.candidates(spans.names, pushed)
    taken, passed_over = window.take(candidates, lambda name: spans.of(name).state == "usable")
    if not taken:
        newest = [spans.of(name) for name in candidates[-_SHOWN:]]
        raise _nothing(config, newest, pushed if window.since_push else None)
    return ChosenSpans(
        taken=[spans.of(name) for name in taken],
        left_out=[spans.of(name) for name in passed_over],
        temporary=spans.temporary,
    )


def _nothing(config: Ingest, newest: Sequence[SpanState], pushed: str | None) -> BadDataError:
    words = "; ".join(standing.summary for standing in newest)
    behind = f" newer than {pushed}, which was pushed" if pushed else ""
    return BadDataError(
        f"no span of {config.path} can be used",
        expected=f"the window: {config.window}",
        got=words or f"no span{behind}",
        follows="nothing ran",
        remedy="wait for new data, or take a span back: penstock span include",
    )


def _pushed_span(root: Path, pipeline: str, step: str, pattern: str) -> str | None:
    """The newest span of the last run of a pipeline whose model was pushed, if it had this pattern.

    `step` is the window's name, `pattern` is absolute.
    """
    if not (root / FILE).is_file():
        return None
    with Ledger(root) as ledger:
        run = ledger.last_push(pipeline)
    config = run.config.get(step) if run else None
    if not config or config.get("pattern") != pattern:
        return None
    return str(config["spans"][-1]["span"])
