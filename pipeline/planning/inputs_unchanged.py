"""Check again what a step consumes: artifacts before it runs, outside data before it is sealed.

Both may have changed since the plan: a damaged artifact is made again, and a result of changed
data is not kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from data.errors import EnvironmentTrouble, InputChanged
from data.files.file_states import find_last_changed
from pipeline.config import outside_data
from pipeline.config.graph import Step
from pipeline.planning.plan import PlannedStep, ReadySteps, Workspace
from pipeline.storage.artifact_store import Sealed, Slot


def set_damaged_aside(step: Step, done: ReadySteps) -> dict[str, str]:
    """Read every byte of the artifacts that a step is to consume, and move damaged ones aside.

    Returns:
        The name of each step whose artifact was damaged → which file, and where it lies now.
    """
    damages = {}
    for name, sealed in _consumed(step, done):
        slot = Slot(sealed.path.parent, sealed.path.name)
        if slot.verify() is None:
            continue
        with slot.acquire():
            damaged = slot.verify()  # another run may have made it again by now
            if damaged and os.path.lexists(slot.path):
                damages[name] = f"{damaged} was damaged, see {slot.set_aside()}"
            else:
                damages[name] = "it was damaged"
    return damages


def refresh_artifacts(step: Step, done: ReadySteps) -> None:
    """Store the ctimes of consumed files again, so that the next run need not read them.

    A window makes hard links to its spans' shards, which changes their ctimes.
    """
    for _, sealed in _consumed(step, done):
        Slot(sealed.path.parent, sealed.path.name).load(type(sealed.outputs))


def _consumed(step: Step, done: ReadySteps) -> Iterator[tuple[str, Sealed]]:
    for name in dict.fromkeys(ref.step for ref in step.upstream()):
        if sealed := done.sealed[name]:
            yield name, sealed


def check_outside_data(planned: PlannedStep, workspace: Workspace) -> None:
    """Compare what a step has read outside the root with what its plan recorded.

    Raises:
        InputChanged: data has changed, is gone, or is new; names it.
    """
    before = planned.outside
    try:
        now = outside_data.inspect(
            planned.step,
            workspace.beam_args,
            named=list(before.named),
            leave_out=workspace.own_files,
        )
    except EnvironmentTrouble as error:
        raise _changed(planned, error.what, error.got) from error
    if now.stamp != before.stamp:
        raise _changed(planned, "the source's stamp", f"{before.stamp!r}, then {now.stamp!r}")
    for name in _different(before.files, now.files):
        raise _changed(planned, name, _became(before.files.get(name), now.files.get(name)))
    for name in _different(before.listed, now.listed):
        folder = Path(name)
        shown = find_last_changed(folder, workspace.own_files) if folder.is_dir() else name
        raise _changed(planned, str(shown), _became(before.listed.get(name), now.listed.get(name)))


def _different(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    names = sorted({**before, **now})
    return [name for name in names if before.get(name) != now.get(name)]


def _became(before: str | None, now: str | None) -> str:
    return "new" if before is None else "gone" if now is None else f"{before}, then {now}"


def _changed(planned: PlannedStep, what: str, got: str | None) -> InputChanged:
    return InputChanged(
        f"step {planned.step.name!r}: its data changed while it ran: {what}",
        expected="the same data from the plan until the step has ended",
        got=got,
        follows="its result was not kept",
        remedy="run the same command again when the data no longer changes; a step must not write "
        "to the paths that it reads",
    )
