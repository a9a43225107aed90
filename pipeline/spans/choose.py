"""Choose the spans that a window takes, and list those that it leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.ingest import Config as Ingest
from data.errors import BadDataError, ConfigError, suggest_names
from data.spans.patterns import make_absolute
from data.spans.windows import Window
from pipeline.config.graph import Step
from pipeline.spans.states import SpanState, SpanStates
from pipeline.storage.database import FILE
from pipeline.storage.ledger import Ledger

_SHOWN = 8  # spans that an error message lists


@dataclass(frozen=True, kw_only=True)
class ChosenSpans:
    """The spans that a window takes and leaves out, the oldest first."""

    taken: list[SpanState]
    left_out: list[SpanState]
    temporary: list[str]  # paths with temporary names, which are not spans


def choose_spans(pipeline: str, step: Step, root: Path, *, now: float) -> ChosenSpans:
    """Choose the spans of an ingest step's window now; `pipeline` is the pipeline's name.

    Raises:
        ConfigError, BadDataError, EnvironmentTrouble: as `SpanStates` and `choose`.
    """
    pushed = None
    if Window.parse(step.config.window).since_push:
        pushed = _find_pushed_span(root, pipeline, step.name, make_absolute(step.config.path))
    return choose(step.config, SpanStates(step.config, root, now=now), pushed)


def choose(config: Ingest, spans: SpanStates, pushed: str | None) -> ChosenSpans:
    """Choose the spans that `config.window` takes; no more spans are examined than that needs.

    Args:
        config: of the ingest step.
        spans: all spans of the pattern.
        pushed: the newest span of the last run that pushed; None where no run pushed.

    Raises:
        ConfigError: the window names a span that does not exist, with the close matches.
        BadDataError: no span of the window is usable; says why of each.
    """
    window = Window.parse(config.window)
    for name in window.names or ():
        if name not in spans.names:
            raise ConfigError(
                f"ingest.window: there is no span {name!r} of {config.path}",
                remedy=suggest_names(name, spans.names),
            )
    candidates = window.candidates(spans.names, pushed)
    taken, left_out = window.take(candidates, lambda name: spans.of(name).state == "usable")
    if not taken:
        newest = [spans.of(name) for name in candidates[-_SHOWN:]]
        raise _no_span_error(config, newest, pushed if window.since_push else None)
    return ChosenSpans(
        taken=[spans.of(name) for name in taken],
        left_out=[spans.of(name) for name in left_out],
        temporary=spans.temporary,
    )


def _no_span_error(config: Ingest, newest: Sequence[SpanState], pushed: str | None) -> BadDataError:
    states = "; ".join(standing.summary for standing in newest)
    newer = f" newer than {pushed}, the last span pushed" if pushed else ""
    return BadDataError(
        f"no span of {config.path} is usable",
        expected=f"the window: {config.window}",
        got=states or f"no span{newer}",
        follows="nothing ran",
        remedy="wait for new data, or include a span again: penstock span include",
    )


def _find_pushed_span(root: Path, pipeline: str, step: str, pattern: str) -> str | None:
    """Find the newest span of a pipeline's last run that pushed, if it had this pattern.

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
