"""Damaged input is refused by an error that says what is wrong and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from data.errors import BadDataError, ConfigError, EnvironmentTrouble, PenstockError
from data.examples import finalize
from data.examples.artifact import Examples, shard_lengths, shard_name
from data.examples.features import find_features
from data.examples.read_images import read_images
from data.examples.tf_example import encode
from data.files import sealed_files
from data.files.durable_files import sha256_file
from data.files.sealed_files import check_files, collect_file_facts
from data.files.tfrecord_frames import frame_record
from data.spec import ImageSpec

SPEC = ImageSpec(height=2, width=2, channels=1, class_names=("no", "yes"))


@pytest.fixture
def examples(tmp_path: Path) -> Examples:
    """One shard of three images, not yet written."""
    return Examples(path=tmp_path, spec=SPEC, counts={"train": (1, 2)})


def write(examples: Examples, content: bytes) -> None:
    (examples.path / shard_name("train", 0, 1)).write_bytes(content)


@pytest.mark.parametrize("record", [b"\x08\x01", b"\x0a\xff", b"\x00"])
def test_a_record_that_is_no_example_is_damage(examples, record):
    write(examples, frame_record(record) * 3)
    for read in (
        lambda: read_images(examples, "train", [0]),
        lambda: find_features(examples, "train", {"span"}),
    ):
        with pytest.raises(BadDataError) as caught:
            read()
        assert str(examples.path) in caught.value.what
        assert "ingest" in caught.value.remedy


def test_a_label_out_of_range_is_named(examples):
    write(examples, encode(np.zeros((3, 2, 2, 1), np.uint8), np.array([0, 1, 300])))
    with pytest.raises(BadDataError) as caught:
        read_images(examples, "train", [2])
    assert "label 300" in caught.value.got


@pytest.mark.parametrize(
    "described",
    [
        {},
        {"splits": []},
        {"splits": [{"name": "train"}]},
        {"splits": [{"name": "train", "shardLengths": ["x"]}]},
        {"splits": [{"name": "train", "shardLengths": [1, 2]}]},
        {"splits": [{"name": "train", "shardLengths": [4]}]},
    ],
)
def test_a_description_of_other_shards_asks_for_another_ingest(examples, described):
    write(examples, b"")
    (examples.path / "dataset_info.json").write_text(json.dumps(described))
    with pytest.raises(BadDataError) as caught:
        shard_lengths(examples, "train")
    assert "dataset_info.json" in caught.value.what
    assert "ingest" in caught.value.remedy


def test_an_index_or_a_split_that_is_not_there_is_answered_with_those_that_are(examples):
    with pytest.raises(ConfigError) as caught:
        read_images(examples, "train", [3])
    assert "0 to 2" in caught.value.expected
    with pytest.raises(PenstockError) as caught:
        read_images(examples, "trian", [0])
    assert "'train'" in caught.value.remedy


def test_a_file_that_this_user_may_not_read_asks_for_the_right_to(tmp_path, monkeypatch):
    def refuse(file: Path) -> str:
        raise PermissionError(13, "Permission denied", str(file))

    file = tmp_path / "weights"
    file.write_bytes(b"1")
    facts = collect_file_facts(tmp_path, {"weights": sha256_file(file)})
    monkeypatch.setattr(sealed_files, "sha256_file", refuse)
    with pytest.raises(EnvironmentTrouble) as caught:
        check_files(tmp_path, facts, read_all=True)
    assert str(file) in caught.value.what
    assert "permissions" in caught.value.remedy


def test_shards_that_only_workers_see_ask_for_a_shared_file_system(tmp_path):
    with pytest.raises(EnvironmentTrouble) as caught:
        finalize._move(tmp_path / "shard", tmp_path / "moved")
    assert str(tmp_path) in caught.value.expected
    assert "share" in caught.value.remedy
