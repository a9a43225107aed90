"""Past windows in order, and a span that proves to be unreadable, on the digits in three spans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from data.errors import ConfigError, EnvironmentTrouble
from pipeline import exit_codes
from pipeline.schedule import lock
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import Schedule, Tick
from pipeline.schedule.tick.backfill import backfill
from pipeline.schedule.tick.tick import run_tick
from pipeline.schedule.triggers.triggers import Every
from pipeline.storage.ledger import Ledger
from serving_export.model_store.layout import newest_version

NAMES = json.dumps([str(digit) for digit in range(10)])
INGEST_ONLY = """
from pipeline.image_classifier import Ingest, PipelineConfig, Step


def spans() -> PipelineConfig:
    steps = (Step(name="ingest", component="components.ingest", config=Ingest()),)
    return PipelineConfig(name="spans", steps=steps)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Holds span-1 to span-3, and a root with the schedule `nightly` of the newest two spans."""
    monkeypatch.chdir(tmp_path)
    digits = load_digits()
    images = digits.images.astype(np.uint8) * 15
    for span in (1, 2, 3):
        mine = np.arange(len(images)) % 3 == span - 1
        test = mine & (np.arange(len(images)) % 5 == 0)
        arrays = {"x_train": images[mine & ~test], "y_train": digits.target[mine & ~test]}
        arrays |= {"x_test": images[test], "y_test": digits.target[test]}
        np.savez(tmp_path / f"span-{span}.npz", **arrays)
    (tmp_path / "root").mkdir()
    judged = (
        "evaluate.thresholds=[{metric = 'accuracy', at_least = 0.8}]",
        "evaluate.min_examples=5",
        "evaluate.paired=[{margin = 0.015}]",  # no test sees a drop in a class of 7 images
    )
    add(tmp_path, "nightly", "digits", "train.warm_start=serving", *judged)
    return tmp_path


def add(folder: Path, name: str, recipe: str, *settings: str) -> None:
    spans = (
        "ingest.source=npz",
        f"ingest.path={folder / 'span-{SPAN}.npz'}",
        'ingest.window="2"',
        f"ingest.class_names={NAMES}",
    )
    with ScheduleStore(folder / "root") as store:
        store.add(
            Schedule(
                name=name,
                recipe=recipe,
                trigger=Every(seconds=86_400),
                created=0.0,
                settings=(*spans, *settings),
            )
        )


def ticks(root: Path, name: str = "nightly") -> list[Tick]:
    with ScheduleStore(root) as store:
        return store.history(name)


def test_what_cannot_be_done_is_refused_before_anything_runs(folder: Path) -> None:
    root = folder / "root"
    with pytest.raises(ConfigError, match="no span '4'"):
        backfill(root, "nightly", "1", "4", push=False)
    with pytest.raises(ConfigError, match="no span can be used"):
        backfill(root, "nightly", "3", "1", push=False)
    with lock.hold_lock(root, "nightly"), pytest.raises(EnvironmentTrouble, match="under way"):
        backfill(root, "nightly", "1", "3", push=False)
    assert ticks(root) == []


@pytest.mark.slow
def test_each_window_is_held_against_the_one_before_and_nothing_serves(folder: Path) -> None:
    root = folder / "root"
    assert backfill(root, "nightly", "1", "2", push=False) == exit_codes.DONE
    newest, first = ticks(root)
    assert (first.kind, first.outcome, first.verdict) == ("backfill", "completed", "passed")
    assert (newest.kind, newest.outcome, newest.verdict) == ("backfill", "completed", "passed")
    assert not (root / "serving").exists()
    (own,) = root.glob("schedules/nightly.backfill/*/digits")
    assert newest_version(own) == 2
    with Ledger(root) as ledger:
        windows = [run.config["ingest"]["spans"] for run in ledger.runs()]
        assert ledger.last_push("digits") is None  # not for windows "since push"
    assert [[taken["span"] for taken in window] for window in windows] == [["1", "2"], ["1"]]


@pytest.mark.slow
def test_a_span_that_cannot_be_read_is_excluded_until_it_is_fixed(folder: Path) -> None:
    root, broken = folder / "root", folder / "span-3.npz"
    (folder / "only_ingest.py").write_text(INGEST_ONLY)
    add(folder, "spans", f"{folder}/only_ingest.py:spans")
    whole = broken.read_bytes()
    broken.write_bytes(whole[:500])

    def night() -> Any:
        assert run_tick(root, "spans", None) == exit_codes.DONE
        latest = ticks(root, "spans")[0]
        with Ledger(root) as ledger:
            config = ledger.find_run(latest.run_id or "latest").config["ingest"]
        return latest.outcome, [t["span"] for t in config["spans"]], config["left_out"]

    outcome, spans, left_out = night()
    assert (outcome, spans) == ("completed", ["1", "2"])
    assert [(one["span"], one["state"]) for one in left_out] == [("3", "unreadable")]
    outcome, *_ = night()
    assert outcome == "nothing new"
    broken.write_bytes(whole)
    assert night() == ("completed", ["2", "3"], [])
