from __future__ import annotations

import dataclasses

import idx_files
import pytest

from components.artifacts import Model
from data.errors import ConfigError
from data.files.durable_files import read_json, sha256_file
from data.sources import SourceConfig, make_source
from pipeline import recipes
from pipeline.config.overrides import apply_settings
from pipeline.inspection.report_and_pictures import write_report_and_pictures
from pipeline.planning.prepare import Request, prepare
from pipeline.planning.warm_start import resolve_warm_start
from pipeline.run import run
from pipeline.storage.ledger import Ledger


def digits(*settings: str):
    return apply_settings(recipes.build("digits"), settings)


@pytest.mark.slow
def test_a_run_s_model_is_where_another_begins(finished_digits, tmp_path) -> None:
    root = finished_digits(until_before="evaluate", at=tmp_path / "root")
    (first,) = root.glob("artifacts/train/[0-9a-f]*/model/history.json")
    cold = read_json(first)
    warm = run(digits("train.warm_start=run:latest", "train.epochs=1"), root=root, last="train")
    model = warm.artifact(type(warm.outputs["train"].model))
    assert read_json(model.path / "history.json")["loss"][0] < cold["loss"][2]
    about = read_json(model.bundle / "penstock.json")["metadata"]
    assert about["warm_start"] == sha256_file(first.parent / "bundle" / "penstock.json")


@pytest.fixture
def spans(tmp_path) -> str:
    """The pattern of two spans of digits."""
    source = make_source("digits", SourceConfig())
    (images, labels), *_ = [chunk for part in source.parts() for chunk in source.read(part)]
    for span in (1, 2):
        train = slice(400 * span, 400 * span + 300)
        test = slice(400 * span + 300, 400 * span + 400)
        split = [(images[part] ^ 1, labels[part]) for part in (train, test)]
        idx_files.write_idx(tmp_path / f"span-{span}", *split)
    return str(tmp_path / "span-{SPAN}")


@pytest.mark.slow
def test_a_window_of_spans_begins_with_the_model_that_serves(root, spans) -> None:
    pipeline = digits(
        "ingest.source=idx",
        f"ingest.path={spans}",
        "ingest.window=2",
        "ingest.test=all",
        "train.warm_start=serving",
        "train.epochs=2",
        "evaluate.slices=['span']",
    )
    result = run(pipeline, root=root, last="evaluate")
    bundle = result.artifact(Model).bundle
    about = read_json(bundle / "penstock.json")["metadata"]
    assert about["warm_start"] == sha256_file(root / "serving" / "digits" / "1" / "penstock.json")
    verdict = read_json(result.verdict.path / "verdict.json")
    assert verdict["data"]["spans"] == {
        "pattern": spans,
        "spans": [{"span": "1", "version": None}, {"span": "2", "version": None}],
        "left_out": [],
        "test": "all",
    }
    slices = verdict["metrics"]["candidate"]["slices"]
    assert {name: of["examples"] for name, of in slices.items()} == {"span=1": 100, "span=2": 100}
    assert "spans 1, 2" in write_report_and_pictures(result).report.read_text()
    assert result.run.config["train"]["warm_start"] == str(root / "serving" / "digits" / "1")


def test_the_plan_says_that_no_model_serves_yet(tmp_path) -> None:
    request = Request(root=tmp_path, beam_args=(), shared_filesystem=False)
    with Ledger(tmp_path) as ledger:
        prepared = prepare(digits("train.warm_start=serving"), request, ledger)
    why = {planned.step.name: planned.why for planned in prepared.plan}
    assert why["train"] == ("first time", "there is no serving model to begin with")
    assert prepared.pipeline.step("train").config.warm_start is None


def test_a_pipeline_that_pushes_nothing_has_no_model_that_serves(tmp_path) -> None:
    pipeline = digits("train.warm_start=serving")
    pipeline = dataclasses.replace(pipeline, steps=pipeline.steps[:-1])
    with Ledger(tmp_path) as ledger, pytest.raises(ConfigError, match="pipeline pushes no model"):
        resolve_warm_start(pipeline, tmp_path, ledger, tmp_path)


def test_a_run_that_left_no_model_is_named(finished_digits, tmp_path) -> None:
    root = finished_digits(until_before="train", at=tmp_path / "root")
    with Ledger(root) as ledger:
        (done,) = ledger.runs()
        with pytest.raises(ConfigError, match=f"{done.id} has no model"):
            resolve_warm_start(digits("train.warm_start=run:latest"), root, ledger, tmp_path)
        with pytest.raises(ConfigError, match="no run 'nightly'"):
            resolve_warm_start(digits("train.warm_start=run:nightly"), root, ledger, tmp_path)
        assert resolve_warm_start(digits(), root, ledger, tmp_path) == digits()
