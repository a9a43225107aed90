"""Which spans a window takes, and which it would have taken otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.ingest import Config as Ingest
from data.errors import BadDataError, ConfigError, did_you_mean
from data.spans.patterns import absolute, order
from data.spans.windows import Window
from pipeline.config.graph import Step
from pipeline.spans.states import Standing, standings
from pipeline.storage.database import FILE
from pipeline.storage.ledger import Ledger

_SHOWN = 8  # spans that an error lists


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What a window takes, the oldest first, and what it would have taken otherwise."""

    taken: list[Standing]
    left_out: list[Standing]


def chosen_of(pipeline: str, step: Step, root: Path, *, now: float) -> Chosen:
    """What the window of an ingest step takes now; `pipeline` is the pipeline's name.

    Raises:
        ConfigError, BadDataError, EnvironmentTrouble: as `standings` and `choose`.
    """
    found = standings(step.config, root, now=now)
    pushed = None
    if Window.of(step.config.window).since_push:
        pushed = _pushed_span(root, pipeline, step.name, absolute(step.config.path))
    return choose(step.config, found, pushed)


def choose(config: Ingest, found: Sequence[Standing], pushed: str | None) -> Chosen:
    """What `config.window` takes of the spans.

    Args:
        config: of the ingest step.
        found: all of the pattern, the oldest first.
        pushed: the newest span of the last run that pushed; None where none did.

    Raises:
        ConfigError: the window names a span that there is not, with the close matches.
        BadDataError: none of the window's spans can be used; says why of each.
    """
    window, known = Window.of(config.window), {s.span.name: s for s in found}
    for name in window.names or ():
        if name not in known:
            raise ConfigError(
                f"ingest.window: no span {name!r} fits {config.path}",
                remedy=did_you_mean(name, known),
            )
    candidates = [known[name] for name in window.candidates(list(known), pushed)]
    usable = [standing.span.name for standing in candidates if standing.state == "usable"]
    taken = window.taken(usable)
    if not taken:
        raise _nothing(config, candidates, pushed if window.since_push else None)
    is_full = window.count is not None and len(taken) == window.count
    return Chosen(
        taken=[known[name] for name in taken],
        left_out=[
            standing
            for standing in candidates
            if standing.state != "usable"
            and not (is_full and order(standing.span.name) < order(taken[0]))
        ],
    )


def _nothing(config: Ingest, candidates: Sequence[Standing], pushed: str | None) -> BadDataError:
    newest = "; ".join(standing.words for standing in candidates[-_SHOWN:])
    behind = f" newer than {pushed}, which was pushed" if pushed else ""
    return BadDataError(
        f"no span of {config.path} can be used",
        expected=f"the window: {config.window}",
        got=newest or f"no span{behind}",
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
