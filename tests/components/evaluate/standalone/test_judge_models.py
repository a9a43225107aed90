"""What is refused before any model is loaded; `penstock gate --candidate` judges real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.evaluate import Config
from components.evaluate.rules import Threshold
from components.evaluate.standalone.judge_models import judge_models
from data.errors import BadDataError, ConfigError
from data.examples.artifact import Examples, load_examples, write_description
from serving_export.bundle.manifest import write_manifest
from serving_export.bundle.model_trust import digest_model_folder, trust_caller


@pytest.fixture
def examples(write_examples: Callable[..., Examples], tmp_path: Path) -> Path:
    made = write_examples(tmp_path / "examples", np.arange(8))
    write_description(made, {})
    return made.path


def test_a_split_that_is_not_there_is_named(examples: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no split 'tset'"):
        judge_models(tmp_path / "model", None, examples, Config(split="tset"), trust_caller)


def test_a_rule_on_what_is_not_there_is_named(examples: Path, tmp_path: Path) -> None:
    config = Config(thresholds=(Threshold(metric="accuracy", at_least=0.5, on="fvie"),))
    with pytest.raises(ConfigError, match="'fvie'"):
        judge_models(tmp_path / "model", None, examples, config, trust_caller)


@pytest.mark.parametrize("which", ["candidate", "baseline"])
@pytest.mark.parametrize("manifest", [True, False])
def test_what_nobody_vouches_for_is_not_loaded(
    examples: Path, tmp_path: Path, which: str, manifest: bool
) -> None:
    """Each model is asked about by a digest of its bytes, whether a manifest lists them or not."""
    models = {name: tmp_path / name for name in ("candidate", "baseline")}
    for name, folder in models.items():
        folder.mkdir()
        (folder / "saved_model.pb").write_bytes(name.encode())  # to load it would be an error
        if manifest:
            write_manifest(folder, load_examples(examples).spec, {})
    asked = []

    def vouch(folder: Path, digest: str) -> None:
        asked.append(folder)
        assert digest == digest_model_folder(folder)
        if folder == models[which]:
            raise BadDataError("nobody vouches for it")

    with pytest.raises(BadDataError, match="nobody vouches for it"):
        judge_models(models["candidate"], models["baseline"], examples, Config(), vouch)
    assert asked[-1] == models[which]


def test_what_changed_since_it_was_vouched_for_is_not_loaded(
    examples: Path, tmp_path: Path
) -> None:
    (model := tmp_path / "model").mkdir()
    (model / "saved_model.pb").write_bytes(b"one model")

    def vouch(folder: Path, digest: str) -> None:
        (model / "saved_model.pb").write_bytes(b"another")

    with pytest.raises(BadDataError, match="is not the trusted one"):
        judge_models(model, None, examples, Config(), vouch)
