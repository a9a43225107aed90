"""What a model was trained on travels with it, its ancestors' images too."""

from __future__ import annotations

import numpy as np
import pytest

from data.base.content_hash import hash_images
from data.errors import BadDataError
from data.examples.artifact import Examples
from data.examples.read_images import read_images
from serving_export.bundle.training_images import (
    FILE,
    hash_split,
    read_training_hashes,
    serialize_training_hashes,
)


def test_it_is_the_hashes_of_the_train_split(fit_once, made) -> None:
    examples: Examples = made[0]
    images, _ = read_images(examples, "train", range(examples.num_examples("train")))
    assert np.array_equal(hash_split(examples, "train"), hash_images(images))
    found = read_training_hashes(fit_once(epochs=1).path / "bundle")
    assert np.array_equal(found, np.unique(hash_images(images)))
    # The split by content leaves no image on both sides.
    assert not np.isin(hash_split(examples, "test"), found).any()


def test_a_warm_start_brings_its_ancestors_images(fit, made) -> None:
    first = fit(epochs=1)
    ancestor = first.path / "bundle"
    before = np.load(ancestor / FILE)
    content = serialize_training_hashes(made[0], "test", ancestor)
    (ancestor / FILE).write_bytes(content)
    both = read_training_hashes(ancestor)
    assert both is not None
    assert np.isin(before, both).all()
    assert np.isin(hash_split(made[0], "test"), both).all()
    assert len(both) == len(np.unique(np.concatenate([before, hash_split(made[0], "test")])))
    (ancestor / FILE).unlink()  # what it was trained on is not known, and of its heirs neither
    assert serialize_training_hashes(made[0], "test", ancestor) is None


def test_a_bundle_without_the_record_says_nothing_and_a_broken_one_an_error(tmp_path) -> None:
    assert read_training_hashes(tmp_path) is None
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_bytes(b"no array")
    with pytest.raises(BadDataError, match="cannot read"):
        read_training_hashes(tmp_path)
