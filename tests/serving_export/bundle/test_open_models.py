from __future__ import annotations

import gc
from pathlib import Path

import pytest
import tensorflow as tf

from serving_export.bundle.open_models import get_saved_model, load_saved_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    module = tf.Module()
    module.weight = tf.Variable(1.0)
    tf.saved_model.save(module, str(tmp_path / "saved"))
    return tmp_path / "saved"


def test_who_uses_a_model_shares_it(folder: Path) -> None:
    saved = load_saved_model(folder)
    assert get_saved_model(folder) is saved


def test_the_files_are_read_again_once_nobody_uses_it(folder: Path) -> None:
    saved = get_saved_model(folder)
    saved.weight.assign(2.0)
    assert load_saved_model(folder).weight.numpy() == 1  # asked for the files
    del saved
    gc.collect()
    assert get_saved_model(folder).weight.numpy() == 1
