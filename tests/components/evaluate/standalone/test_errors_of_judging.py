"""Models that cannot be judged, and a child process that ends early."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.evaluate import Config
from components.evaluate.standalone import worker
from components.evaluate.standalone.judge_models import judge_models
from components.evaluate.standalone.unmanaged_model import adapt
from data.errors import BadDataError, StepError, deserialize_error
from data.examples.artifact import Examples, load_examples, write_description
from data.files.tfrecord_frames import frame_record
from data.spec import ImageSpec
from serving_export.bundle.manifest import write_manifest
from serving_export.clean_process import CleanProcess


@pytest.fixture
def examples(write_examples: Callable[..., Examples], tmp_path: Path) -> Path:
    made = write_examples(tmp_path / "examples", np.arange(8))
    write_description(made, {})
    return made.path


def model(folder: Path, spec: ImageSpec) -> Path:
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"no graph")
    write_manifest(folder, spec, {})
    return folder


def test_a_model_of_other_images_is_named_with_both_shapes(examples, tmp_path):
    names = load_examples(examples).spec.class_names
    other = ImageSpec(height=5, width=7, channels=3, class_names=names)
    with pytest.raises(BadDataError) as caught:
        judge_models(model(tmp_path / "m", other), None, examples, Config(), lambda *_: None)
    assert str(tmp_path / "m") in caught.value.what
    assert "(5, 7, 3)" in caught.value.got


def test_a_child_that_crashes_is_quoted_and_gives_no_verdict(examples, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "CleanProcess", lambda _: CleanProcess("no_such_module"))
    spec = load_examples(examples).spec
    with pytest.raises(StepError) as caught:
        judge_models(model(tmp_path / "m", spec), None, examples, Config(), lambda *_: None)
    assert "no_such_module" in caught.value.got
    assert "no verdict" in caught.value.follows


def test_what_tensorflow_cannot_load_is_no_model(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"no graph")
    spec = ImageSpec(height=2, width=2, channels=1, class_names=("a", "b"))
    with pytest.raises(BadDataError) as caught:
        adapt(tmp_path, spec, tmp_path / "adapted")
    assert str(tmp_path) in caught.value.what
    assert "SavedModel" in caught.value.expected


@pytest.mark.slow  # the import of the analysis
def test_a_shard_of_something_else_is_named_from_within_a_worker(tmp_path):
    from components.evaluate.measure.read_batches import ReadBatches

    shard = tmp_path / "shard"
    shard.write_bytes(frame_record(b"no example"))
    spec = ImageSpec(height=2, width=2, channels=1, class_names=("a", "b"))
    examples = Examples(path=tmp_path, spec=spec, counts={"test": (1, 0)})
    with pytest.raises(RuntimeError) as caught:
        list(ReadBatches(examples, "test", ()).process((str(shard), 0)))
    error = deserialize_error(str(caught.value))
    assert isinstance(error, BadDataError)
    assert str(shard) in error.what
    assert "ingest" in error.remedy
