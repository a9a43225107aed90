"""Models that are not what was meant are refused by an error that names the file and says why."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from data.errors import BadDataError, ConfigError, StepError
from data.examples.artifact import Examples, shard_name
from data.examples.tf_example import encode
from data.spec import ImageSpec
from serving_export.bundle.manifest import (
    MANIFEST,
    PUSH_RECORD,
    read_manifest,
    read_push_record,
    verify_version,
    write_manifest,
)
from serving_export.model_store.expected_state import ExpectedState
from serving_export.model_store.push import push
from serving_export.parity.worker import compare
from serving_export.predict import answer_for_examples

SPEC = ImageSpec(height=2, width=3, channels=1, class_names=("a", "b"))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"graph")
    write_manifest(folder, SPEC, {})
    return folder


@pytest.fixture
def version(bundle: Path, tmp_path: Path) -> Path:
    return push(bundle, tmp_path / "serving", "m", record={})[1]


def test_only_files_that_belong_there_are_laid_beside_a_model(bundle, tmp_path):
    with pytest.raises(ConfigError) as caught:
        push(bundle, tmp_path / "serving", "m", record={}, files={"more.txt": b""})
    assert caught.value.got == "more.txt"
    assert "verdict" in caught.value.expected
    assert not (tmp_path / "serving" / "m").exists()


def test_two_versions_are_the_fewest_to_keep(bundle, tmp_path):
    with pytest.raises(ConfigError) as caught:
        push(bundle, tmp_path / "serving", "m", record={}, keep=1)
    assert "2 or more" in caught.value.expected
    assert caught.value.remedy


@pytest.mark.parametrize("without", ["spec", "files"])
def test_a_manifest_that_lacks_a_key_is_named_with_what_it_should_hold(bundle, without):
    content = json.loads((bundle / MANIFEST).read_text())
    del content[without]
    (bundle / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(BadDataError) as caught:
        read_manifest(bundle)
    assert MANIFEST in caught.value.what
    assert without in caught.value.expected
    assert without in caught.value.got
    assert "train" in caught.value.remedy


def edit(version: Path, **changes: object) -> None:
    record = json.loads((version / PUSH_RECORD).read_text())
    (version / PUSH_RECORD).write_text(json.dumps({**record, **changes}))


def test_a_push_record_of_another_form_is_named(version):
    edit(version, files=["model.md"])
    with pytest.raises(BadDataError, match=PUSH_RECORD):
        read_push_record(version)


def test_a_push_record_about_another_model_is_named_with_both_digests(version):
    edit(version, digest="0" * 64)
    with pytest.raises(BadDataError) as caught:
        verify_version(version)
    assert PUSH_RECORD in caught.value.what
    assert "0" * 64 in caught.value.got
    assert "digest" in caught.value.expected


@pytest.mark.parametrize(
    "judged", [ExpectedState(serving="another"), ExpectedState(best="another")]
)
def test_a_push_against_another_model_says_to_run_again(version, judged):
    with pytest.raises(StepError) as caught:
        judged.check(version.parent)
    assert caught.value.expected == "another"
    assert "pushed" in caught.value.follows
    assert "run" in caught.value.remedy


def test_a_model_is_not_asked_about_images_of_another_size(bundle, tmp_path):
    spec = ImageSpec(height=2, width=2, channels=1, class_names=("a", "b"))
    (tmp_path / shard_name("test", 0, 1)).write_bytes(
        encode(np.zeros((2, 2, 2, 1), np.uint8), np.array([0, 1]))
    )
    examples = Examples(path=tmp_path, spec=spec, counts={"test": (1, 1)})
    with pytest.raises(BadDataError) as caught:
        answer_for_examples(bundle, examples, "test", [0])
    assert "width=3" in caught.value.expected
    assert "width=2" in caught.value.got


def test_a_recording_that_cannot_be_read_is_named(bundle, tmp_path):
    (tmp_path / "recorded.npz").write_bytes(b"no zip")
    job = {"npz": str(tmp_path / "recorded.npz"), "bundle": str(bundle), "digest": None}
    with pytest.raises(BadDataError, match=r"recorded\.npz"):
        compare(job, lambda *_: None)
