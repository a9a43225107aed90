"""Write the same images as raw and as encoded Examples, to compare what reads them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from data.examples.artifact import Examples, shard_name
from data.examples.tf_example import encode, encode_features
from data.spec import ImageSpec


def encode_file(content: bytes, label: int, **features: str) -> bytes:
    """Encode a file as a TFRecord of the encoded store."""
    kind = b"jpeg" if content.startswith(b"\xff\xd8") else b"png"
    more = {name: value.encode() for name, value in features.items()}
    return encode_features({"image": content, "label": label, "format": kind, **more})


def write_both_stores(
    folder: Path, spec: ImageSpec, files: Mapping[str, Sequence[tuple[bytes, int]]], shards: int = 2
) -> tuple[Examples, Examples]:
    """Write files with labels, by split, as raw and as encoded Examples with the same shards."""
    from data.images.read_files import read_files

    counts = {
        split: tuple(np.bincount([label for _, label in some], minlength=spec.num_classes).tolist())
        for split, some in files.items()
    }
    raw = Examples(path=folder / "raw", spec=spec, counts=counts)
    encoded = dataclasses.replace(raw, path=folder / "encoded", store="encoded")
    for examples in (raw, encoded):
        examples.path.mkdir(parents=True)
    for split, some in files.items():
        pixels = [image.pixels for image in read_files([content for content, _ in some], spec, ())]
        for number in range(shards):
            part = slice(number * len(some) // shards, (number + 1) * len(some) // shards)
            name, labels = shard_name(split, number, shards), [label for _, label in some[part]]
            (raw.path / name).write_bytes(encode(np.array(pixels[part]), np.array(labels)))
            (encoded.path / name).write_bytes(b"".join(encode_file(*file) for file in some[part]))
    return raw, encoded
