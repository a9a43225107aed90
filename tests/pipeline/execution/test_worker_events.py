from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from data.errors import BadDataError, serialize_error
from pipeline.execution.events import (
    AttemptFailed,
    Event,
    StepEnded,
    StepProgress,
    StepStarted,
    StepWaiting,
    StepWarning,
)
from pipeline.execution.worker_events import WorkerEvents, WorkerEventsReader, forward_events
from pipeline.storage.tables import Execution, Lineage

MADE = {"numbers": ("Numbers", {"path": ".", "total": 3})}
LINEAGE = (Lineage(input="many", index=0, source="s", output="numbers"),)


def ended(step: str, status: Any = "completed", **facts: Any) -> StepEnded:
    execution = Execution(
        run_id="a-run", step=step, component="c", fingerprint="f", status=status, seconds=1.5
    )
    return StepEnded(execution=execution, **{"artifacts": {}, "lineage": (), **facts})


def test_the_reader_emits_what_the_worker_emitted(tmp_path):
    events: list[Event] = [
        StepStarted(step="count"),
        StepWaiting(step="count"),
        StepProgress(step="count", done=1, total=4, detail="one of four"),
        StepWarning(step="count", message="few of them"),
        ended("count", artifacts=MADE, lineage=LINEAGE, why=("first time",), summary="three"),
    ]
    received: list[Event] = []
    worker = WorkerEvents(tmp_path)
    with forward_events(WorkerEventsReader(tmp_path, received.append)):
        for event in events:
            worker.emit(event)
    assert received == events


def test_progress_is_written_at_most_twice_a_second(tmp_path):
    worker = WorkerEvents(tmp_path)
    for done in range(1000):
        worker.emit(StepProgress(step="count", done=done))
    assert len((tmp_path / "worker_events.jsonl").read_text().splitlines()) <= 3


def test_what_a_runner_tries_again_counts_once(tmp_path):
    received: list[Event] = []
    worker = WorkerEvents(tmp_path)
    reader = WorkerEventsReader(tmp_path, received.append)
    worker.emit(ended("count"))
    worker.emit(ended("add", "failed"))
    worker.emit(AttemptFailed(error=serialize_error(BadDataError("odd numbers"))))
    reader.emit_new()
    assert isinstance(reader.error, BadDataError)
    worker.emit(StepStarted(step="count"))
    worker.emit(ended("count", "cached"))
    worker.emit(ended("add"))
    reader.emit_new()
    assert reader.error is None
    assert received == [ended("count"), ended("add", "failed"), ended("add")]
    assert reader.completed == {"count", "add"}


@given(st.data())
def test_an_event_is_emitted_once_its_line_is_whole(data):
    with tempfile.TemporaryDirectory() as folder:
        worker = WorkerEvents(Path(folder))
        steps = data.draw(st.lists(st.text(max_size=8), max_size=6))
        for step in steps:
            worker.emit(StepStarted(step=step))
        file = Path(folder, "worker_events.jsonl")
        content = file.read_bytes() if steps else b""
        shares = data.draw(st.lists(st.floats(0, 1), max_size=4))
        cuts = sorted(int(share * len(content)) for share in shares)
        received: list[Event] = []
        reader = WorkerEventsReader(Path(folder), received.append)
        for cut in (*cuts, len(content)):
            file.write_bytes(content[:cut])
            reader.emit_new()
        assert received == [StepStarted(step=step) for step in steps]
        assert [json.loads(line)["step"] for line in content.splitlines()] == steps
