"""Whoever reads a JSON of Penstock's refuses one of a newer schema, by its name."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from components.artifacts import Verdict
from components.evaluate import Outputs
from components.train.loop.checkpoints import Checkpoint, Checkpoints
from data.errors import PenstockError
from data.examples.artifact import load_examples
from data.files import documents
from data.files.documents import KEY, SCHEMAS
from pipeline.execution import submission_file
from pipeline.execution.journal import JournalReader
from pipeline.storage.artifact_lookup import read_verdict
from pipeline.storage.artifact_store import Slot
from pipeline.storage.ledger import Ledger
from pipeline.storage.pushes.push_right import PushRight
from pipeline.storage.run_folder import summaries
from pipeline.storage.work_folder import begin_work
from serving_export.bundle.manifest import read_manifest, read_push_record


def verdict(folder: Path) -> None:
    with Ledger(folder) as ledger:
        one = Verdict(path=folder, status="passed", model_digest="d")
        read_verdict(ledger, one)


READERS = {
    "events.jsonl": summaries,
    "examples.json": load_examples,
    "journal.jsonl": lambda folder: JournalReader(folder, None).pass_on(),
    "penstock.json": read_manifest,
    "push.json": read_push_record,
    "push_right.json": lambda folder: PushRight(folder / "push_right.json", "a").check(),
    "submission.json": lambda folder: submission_file.load(folder.parents[1], folder.name),
    "verdict.json": verdict,
}
# Read by nobody but people; drawn where it can be; or, below, made again.
OTHERS = {"model_card.json", "run.json"} | {"history.json"}
MADE_AGAIN = {"manifest.json", "upstream.json", "checkpoint"}


def test_all_of_them_are_here():
    assert READERS.keys() | OTHERS | MADE_AGAIN == SCHEMAS.keys()


@pytest.mark.parametrize("name", READERS)
def test_one_of_a_newer_schema_is_refused_by_its_name(name, tmp_path):
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    content = {KEY: SCHEMAS[name] + 1, "event": "ended", "step": "a", "summary": ""}
    (folder / name).write_text(json.dumps(content) + "\n")
    with pytest.raises(PenstockError) as found:
        READERS[name](folder)
    assert f"{folder / name} was written by another version of Penstock" in str(found.value)
    assert f"{KEY} {SCHEMAS[name] + 1}" in str(found.value)


def test_an_artifact_is_made_again(tmp_path):
    slot = Slot.of(tmp_path, "components.evaluate", "f" * 32)
    with slot.acquire():
        made = slot.open()
        outputs = Outputs(verdict=Verdict(path=made, status="passed", model_digest="d"))
        slot.seal(outputs, {}, {}, 1.0, {})
    assert slot.load(Outputs)
    manifest = slot.path / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {KEY: 99}))
    assert slot.load(Outputs) is None


def test_work_begins_again(tmp_path):
    def kept(schema: int) -> bool:
        with begin_work(tmp_path, "f", {"a": "b"}, restart=False) as folder:
            found = (folder / "half").exists()
            (folder / "half").touch()
            content = json.loads((folder / "upstream.json").read_text())
            (folder / "upstream.json").write_text(json.dumps(content | {KEY: schema}))
            raise KeyboardInterrupt(found)
        return False

    found = []
    for schema in (SCHEMAS["upstream.json"], 99, SCHEMAS["upstream.json"]):
        with pytest.raises(KeyboardInterrupt) as left:
            kept(schema)
        found.append(left.value.args[0])
    assert found == [False, True, False]


def test_a_checkpoint_is_passed_over_by_its_name(tmp_path, monkeypatch, caplog):
    checkpoints = Checkpoints(tmp_path, 0.0, logging.getLogger("penstock"))
    checkpoints.save(1, Checkpoint({}, {"at": 1}))
    assert checkpoints.load().facts == {"at": 1}
    monkeypatch.setitem(documents.SCHEMAS, "checkpoint", 99)
    assert checkpoints.load() is None
    (file,) = tmp_path.glob("*.npz")
    assert f"{file} was written by another version of Penstock" in caplog.text
