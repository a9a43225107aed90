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
from data.examples.artifact import Examples, write_description


@pytest.fixture
def examples(write_examples: Callable[..., Examples], tmp_path: Path) -> Path:
    made = write_examples(tmp_path / "examples", np.arange(8))
    write_description(made, {})
    return made.path


def test_a_split_that_is_not_there_is_named(examples: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no split 'tset'"):
        judge_models(tmp_path / "model", None, examples, Config(split="tset"))


def test_a_rule_on_what_is_not_there_is_named(examples: Path, tmp_path: Path) -> None:
    config = Config(thresholds=(Threshold(metric="accuracy", at_least=0.5, on="fvie"),))
    with pytest.raises(ConfigError, match="'fvie'"):
        judge_models(tmp_path / "model", None, examples, config)


@pytest.mark.parametrize("trusted", [False, True])
def test_what_no_manifest_vouches_for_is_not_loaded(
    examples: Path, tmp_path: Path, trusted: bool
) -> None:
    (model := tmp_path / "model").mkdir()
    others = [tmp_path / "another"] if trusted else []
    with pytest.raises(BadDataError, match=f"it was not loaded(.|\\n)*--trust {model}"):
        judge_models(model, None, examples, Config(), others)
