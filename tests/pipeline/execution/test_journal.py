from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from data.errors import BadDataError
from pipeline.execution.journal import Journal, JournalReader, passed_on
from pipeline.storage.tables import Execution, Lineage


class Heard:
    """A log that keeps what it is told."""

    run_id = "a-run"

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def started(self, step):
        self.told.append(("started", step))

    def progress(self, step, done, total=None, detail=""):
        self.told.append(("progress", step, done, total, detail))

    def waiting(self, step):
        self.told.append(("waiting", step))

    def warning(self, step, words):
        self.told.append(("warning", step, words))

    def ended(self, execution, artifacts, lineage, summary):
        self.told.append(("ended", execution, artifacts, lineage, summary))


def execution(step: str, status: Any = "completed") -> Execution:
    return Execution(
        run_id="a-run", step=step, component="c", fingerprint="f", status=status, seconds=1.5
    )


MADE = {"numbers": ("Numbers", {"path": ".", "total": 3})}
LINEAGE = [Lineage(input="many", index=0, source="s", output="numbers")]


def test_the_reader_s_log_hears_what_the_worker_said(tmp_path):
    heard, journal = Heard(), Journal(tmp_path, "a-run")
    with passed_on(JournalReader(tmp_path, heard)):
        journal.started("count")
        journal.waiting("count")
        journal.progress("count", 1, 4, "one of four")
        journal.warning("count", "few of them")
        journal.ended(execution("count"), MADE, LINEAGE, "three numbers")
    assert heard.told == [
        ("started", "count"),
        ("waiting", "count"),
        ("progress", "count", 1, 4, "one of four"),
        ("warning", "count", "few of them"),
        ("ended", execution("count"), MADE, LINEAGE, "three numbers"),
    ]


def test_progress_is_written_at_most_twice_a_second(tmp_path):
    journal = Journal(tmp_path, "a-run")
    for done in range(1000):
        journal.progress("count", done)
    assert len((tmp_path / "journal.jsonl").read_text().splitlines()) <= 3


def test_what_a_runner_tries_again_counts_once(tmp_path):
    heard, journal = Heard(), Journal(tmp_path, "a-run")
    reader = JournalReader(tmp_path, heard)
    journal.ended(execution("count"), MADE, [], "")
    journal.ended(execution("add", "failed"), {}, [], "")
    journal.failed(BadDataError("odd numbers"))
    reader.pass_on()
    assert isinstance(reader.error, BadDataError)
    journal.started("count")
    journal.ended(execution("count", "cached"), {}, [], "")
    journal.ended(execution("add"), MADE, [], "")
    reader.pass_on()
    assert reader.error is None
    assert [(e.step, e.status) for _, e, *_ in heard.told] == [
        ("count", "completed"),
        ("add", "failed"),
        ("add", "completed"),
    ]


@given(st.data())
def test_a_line_is_passed_on_once_it_is_whole(data):
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder), "a-run")
        steps = data.draw(st.lists(st.text(max_size=8), max_size=6))
        for step in steps:
            journal.started(step)
        file = Path(folder, "journal.jsonl")
        content = file.read_bytes() if steps else b""
        shares = data.draw(st.lists(st.floats(0, 1), max_size=4))
        cuts = sorted(int(share * len(content)) for share in shares)
        heard = Heard()
        reader = JournalReader(Path(folder), heard)
        for cut in (*cuts, len(content)):
            file.write_bytes(content[:cut])
            reader.pass_on()
        assert heard.told == [("started", step) for step in steps]
        assert [json.loads(line)["step"] for line in content.splitlines()] == steps
