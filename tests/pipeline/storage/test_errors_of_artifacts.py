"""An artifact that cannot be made or kept says so, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from data.base.waits import SECONDS
from data.errors import BadDataError, EnvironmentTrouble
from pipeline.storage.artifact_store import Slot


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Of a step that makes nothing."""


def test_a_wait_for_another_run_ends_with_the_lock_and_the_setting(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(SECONDS, "ARTIFACT", 0.1)
    slot = Slot.of(tmp_path, "components.ingest", "f")
    with FileLock(slot.lock), pytest.raises(EnvironmentTrouble) as caught, slot.acquire():
        pass
    assert str(slot.path) in caught.value.what
    assert str(slot.lock) in caught.value.got
    assert "PENSTOCK_WAIT_ARTIFACT" in caught.value.remedy


def test_what_a_disk_does_not_give_back_is_no_artifact(tmp_path: Path, monkeypatch):
    slot = Slot.of(tmp_path, "components.ingest", "f")
    monkeypatch.setattr(Slot, "load", lambda self, outputs_type: None)
    with slot.acquire():
        slot.open()
    with pytest.raises(BadDataError) as caught:
        slot.seal(Outputs(), parts={}, upstream={}, seconds=1.0, imported={})
    assert str(slot.path) in caught.value.what
