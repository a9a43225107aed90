"""Define the events of a run, one dataclass each, and write and read them as lines of JSON.

A run's `events.jsonl` and its workers' `worker_events.jsonl` have one format: each line has
`schema_version`, `time` (seconds since the epoch), `event` (a name in `EVENTS`) and the fields of
that event's dataclass.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.files.documents import KEY, add_schema_number, check_schema
from data.files.private_files import open_private
from data.redaction import redact
from pipeline.config.convert import from_plain
from pipeline.planning.plan import PlannedStep
from pipeline.storage.tables import Execution, Lineage, RunStatus

RUN_EVENTS = "events.jsonl"  # in a run's folder; what its workers write is forwarded to it


@dataclass(frozen=True)
class Event:
    """Base class of the events."""


@dataclass(frozen=True, kw_only=True)
class StepPlan:
    """One line of a run's plan."""

    name: str
    fingerprint: str
    cached: bool  # its artifact is there: the step will not run
    why: tuple[str, ...] = ()  # the reasons for which it will run


@dataclass(frozen=True, kw_only=True)
class RunPlanned(Event):
    """A run begins, and this is its plan."""

    run_id: str
    steps: tuple[StepPlan, ...]

    @classmethod
    def of(cls, run_id: str, plan: Sequence[PlannedStep]) -> RunPlanned:
        """Make the event of a plan."""
        return cls(
            run_id=run_id,
            steps=tuple(
                StepPlan(
                    name=p.step.name,
                    fingerprint=p.fingerprint,
                    cached=p.sealed is not None,
                    why=p.why,
                )
                for p in plan
            ),
        )


@dataclass(frozen=True, kw_only=True)
class RunSubmitted(Event):
    """The run's job is on a cluster: it goes on whatever becomes of this process."""


@dataclass(frozen=True, kw_only=True)
class JobStateChanged(Event):
    """The runner reports a new state of a submitted run's job; `url` is the runner's page of it."""

    state: str
    url: str | None


@dataclass(frozen=True, kw_only=True)
class StepStarted(Event):
    """A step begins."""

    step: str


@dataclass(frozen=True, kw_only=True)
class StepProgress(Event):
    """A step has done `done` of `total`, in its own unit; `total` is None if it is not known."""

    step: str
    done: float
    total: float | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class StepWaiting(Event):
    """A step waits for another run that is making the same artifact."""

    step: str


@dataclass(frozen=True, kw_only=True)
class StepWarning(Event):
    """A step goes on, but found something that the user should look at."""

    step: str
    message: str


@dataclass(frozen=True, kw_only=True)
class StepEnded(Event):
    """A step has ended, well or not.

    Attributes:
        execution: status, duration and error, as the ledger keeps them.
        artifacts: output → its type and facts; empty if the step failed.
        lineage: the inputs of those artifacts.
        why: the reasons for which the step ran; empty if it was cached.
        summary: what came out, in words.
    """

    execution: Execution
    artifacts: dict[str, tuple[str, Any]]
    lineage: tuple[Lineage, ...]
    why: tuple[str, ...] = ()
    summary: str = ""

    @property
    def step(self) -> str:
        return self.execution.step

    @property
    def succeeded(self) -> bool:
        """Tell whether the step's artifact is there."""
        return self.execution.succeeded


@dataclass(frozen=True, kw_only=True)
class OutputPrinted(Event):
    """The user's own code has printed a line."""

    text: str


@dataclass(frozen=True, kw_only=True)
class AttemptFailed(Event):
    """A worker cannot go on with the run, for an error in its serialized form."""

    error: str


@dataclass(frozen=True, kw_only=True)
class RunFinished(Event):
    """The run has ended."""

    status: RunStatus
    exit_code: int | None


Emit = Callable[[Event], None]
EVENTS: dict[str, type[Event]] = {
    "planned": RunPlanned,
    "submitted": RunSubmitted,
    "job": JobStateChanged,
    "started": StepStarted,
    "progress": StepProgress,
    "waiting": StepWaiting,
    "warning": StepWarning,
    "ended": StepEnded,
    "printed": OutputPrinted,
    "failed": AttemptFailed,
    "finished": RunFinished,
}
_NAMES = {event_type: name for name, event_type in EVENTS.items()}


def ignore(event: Event) -> None:
    """Receive an event and do nothing."""


def append_event(file: Path, event: Event) -> None:
    """Append an event to a file as one line, in one write, so that lines never mix."""
    content = {"time": time.time(), "event": _NAMES[type(event)], **dataclasses.asdict(event)}
    line = redact(json.dumps(add_schema_number(RUN_EVENTS, content))) + "\n"
    with open_private(file, "a", encoding="utf-8") as stream:
        stream.write(line)


def read_event(line: bytes, file: Path) -> Event:
    """Read the event of a whole line of `file`.

    Raises:
        BadDataError: another version of Penstock wrote it.
    """
    plain = check_schema(RUN_EVENTS, json.loads(line), file)
    event_type = EVENTS[plain["event"]]
    fields = {field.name: plain[field.name] for field in dataclasses.fields(event_type)}
    return from_plain(fields, event_type, file.name)


@dataclass(frozen=True, kw_only=True)
class StepNotes:
    """What a run's events say about a step, and the ledger does not."""

    why: tuple[str, ...]  # the reasons for which it ran; empty if it was cached
    summary: str  # what came out


NO_NOTES = StepNotes(why=(), summary="")


def read_step_notes(folder: Path) -> dict[str, StepNotes]:
    """Read step → reasons and result from the events in a run's folder.

    Lines of schema 1 have no reasons. A line that is not whole, of a killed run, is skipped.

    Raises:
        BadDataError: a newer version of Penstock wrote the events.
    """
    file = folder / RUN_EVENTS
    if not file.is_file():
        return {}
    notes = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError):
            plain = json.loads(line)
            if not isinstance(plain, dict) or plain["event"] != "ended":
                continue
            if plain[KEY] == 1:
                notes[plain["step"]] = StepNotes(why=(), summary=plain["summary"])
                continue
            check_schema(RUN_EVENTS, plain, file)
            why = tuple(plain["why"])
            notes[plain["execution"]["step"]] = StepNotes(why=why, summary=plain["summary"])
    return notes
