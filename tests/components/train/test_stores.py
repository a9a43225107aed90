"""The same images give the same weights, bit for bit, whether Examples are raw or encoded."""

from __future__ import annotations

import dataclasses

import numpy as np
from encoded_examples import encode_file
from image_files import to_file

from data.examples.artifact import shard_name
from data.examples.read_images import read_images
from serving_export.bundle.training_images import hash_split, read_training_hashes


def test_raw_and_encoded_examples_train_the_same_model(fit, fit_once, made, tmp_path) -> None:
    raw = made[0]
    path = tmp_path / "encoded"
    path.mkdir()
    for split in raw.counts:
        images, labels = read_images(raw, split, range(raw.num_examples(split)))
        files = [encode_file(to_file(i), int(n)) for i, n in zip(images, labels, strict=True)]
        (path / shard_name(split, 0, 1)).write_bytes(b"".join(files))
    encoded = dataclasses.replace(raw, path=path, store="encoded")
    one, other = fit_once(epochs=1), fit(epochs=1, on=encoded)
    assert other.history["loss"] == one.history["loss"]
    assert other.history["val_loss"] == one.history["val_loss"]
    with np.load(one.path / "parity.npz") as wanted, np.load(other.path / "parity.npz") as found:
        for name in wanted.files:
            np.testing.assert_array_equal(found[name], wanted[name], name)
    hashes = (read_training_hashes(model.path / "bundle") for model in (one, other))
    np.testing.assert_array_equal(*hashes)
    for split in raw.counts:
        np.testing.assert_array_equal(hash_split(encoded, split), hash_split(raw, split))
