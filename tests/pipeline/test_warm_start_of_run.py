from __future__ import annotations

import pytest

from data.durable import read_json, sha256_file
from data.errors import ConfigError
from pipeline import recipes
from pipeline.config import apply_settings
from pipeline.ledger import Ledger
from pipeline.run import run
from pipeline.warm_start import resolved


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
    about = read_json(model.bundle / "penstock.json")["about"]
    assert about["warm_start"] == sha256_file(first.parent / "bundle" / "penstock.json")


def test_a_run_that_left_no_model_is_named(finished_digits, tmp_path) -> None:
    root = finished_digits(until_before="train", at=tmp_path / "root")
    with Ledger(root) as ledger:
        (done,) = ledger.runs()
        with pytest.raises(ConfigError, match=f"{done.id} has left no model"):
            resolved(digits("train.warm_start=run:latest"), root, ledger, tmp_path)
        with pytest.raises(ConfigError, match="no run 'nightly'"):
            resolved(digits("train.warm_start=run:nightly"), root, ledger, tmp_path)
        assert resolved(digits(), root, ledger, tmp_path) == digits()
