from __future__ import annotations

import dataclasses
import json

import pytest

from data.files.documents import KEY, add_schema_number
from pipeline.execution.events import (
    EVENTS,
    RUN_EVENTS,
    AttemptFailed,
    Event,
    JobStateChanged,
    OutputPrinted,
    RunFinished,
    RunPlanned,
    RunSubmitted,
    StepEnded,
    StepNotes,
    StepPlan,
    StepProgress,
    StepStarted,
    StepWaiting,
    StepWarning,
    append_event,
    read_event,
    read_step_notes,
)
from pipeline.run import run
from pipeline.storage.tables import Execution, Lineage

EXECUTION = Execution(
    run_id="r", step="count", component="c", fingerprint="f", status="failed", seconds=1, error="e"
)
ONE_OF_EACH: list[Event] = [
    RunPlanned(
        run_id="r",
        steps=(StepPlan(name="count", fingerprint="f", cached=False, why=("a", "b")),),
    ),
    RunSubmitted(),
    JobStateChanged(state="RUNNING", url=None),
    StepStarted(step="count"),
    StepProgress(step="count", done=0.5, total=None, detail="half"),
    StepWaiting(step="count"),
    StepWarning(step="count", message="few"),
    StepEnded(
        execution=EXECUTION,
        artifacts={"numbers": ("Numbers", {"path": ".", "counts": {"train": [1, 2]}})},
        lineage=(Lineage(input="many", index=0, source="s", output="numbers"),),
        why=("first time",),
        summary="three",
    ),
    OutputPrinted(text="hello"),
    AttemptFailed(error="no"),
    RunFinished(status="completed", exit_code=0),
]


def test_every_kind_of_event_is_here():
    assert [type(event) for event in ONE_OF_EACH] == list(EVENTS.values())
    assert set(Event.__subclasses__()) == set(EVENTS.values())


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=list(EVENTS))
def test_an_event_is_read_as_it_was_written(event, tmp_path):
    append_event(tmp_path / RUN_EVENTS, event)
    (line,) = (tmp_path / RUN_EVENTS).read_bytes().splitlines()
    assert read_event(line, tmp_path / RUN_EVENTS) == event
    assert {"event", "time", KEY} <= json.loads(line).keys()


def test_a_run_keeps_why_each_step_ran_and_what_came_out(toy_pipeline, tmp_path):
    root, received = tmp_path / "root", []
    result = run(toy_pipeline(), root=root, on_event=received.append)
    notes = read_step_notes(root / "runs" / result.run.id)
    assert {step: note.why for step, note in notes.items()} == dict.fromkeys(
        ("count", "add", "judge"), ("first time",)
    )
    result = run(toy_pipeline(constant=1), root=root)
    notes = read_step_notes(root / "runs" / result.run.id)
    assert notes["count"].why == ()
    assert notes["add"].why == ("config.constant 0 → 1",)
    assert notes["judge"] == StepNotes(why=("an input changed",), summary="passed")


def test_the_caller_receives_every_event_of_a_run(toy_pipeline, tmp_path):
    received: list[Event] = []
    result = run(toy_pipeline(), root=tmp_path / "root", on_event=received.append)
    kinds = [type(event) for event in received if not isinstance(event, StepProgress)]
    assert kinds == [RunPlanned, *[StepStarted, StepEnded] * 3, RunFinished]
    assert [e.execution for e in received if isinstance(e, StepEnded)] == result.executions


def test_what_a_killed_run_wrote_half_is_passed_over(tmp_path):
    execution = dataclasses.asdict(EXECUTION)
    whole = add_schema_number(
        RUN_EVENTS, {"event": "ended", "execution": execution, "why": [], "summary": "3 numbers"}
    )
    half = json.dumps(add_schema_number(RUN_EVENTS, {"event": "ended"}))
    lines = [json.dumps(whole), "[]", "null", half, '{"event": "en']
    (tmp_path / RUN_EVENTS).write_text("\n".join(lines))
    assert read_step_notes(tmp_path) == {"count": StepNotes(why=(), summary="3 numbers")}


def test_a_run_of_an_older_penstock_shows_what_came_out(tmp_path):
    line = {"schema_version": 1, "event": "ended", "step": "count", "summary": "3 numbers"}
    (tmp_path / RUN_EVENTS).write_text(json.dumps(line) + "\n")
    assert read_step_notes(tmp_path) == {"count": StepNotes(why=(), summary="3 numbers")}
