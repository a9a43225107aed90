"""Write CIFAR's binary version from arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

Arrays = tuple[np.ndarray, np.ndarray]  # (n, 32, 32, 3) uint8 and (n,) or (n, 2) 0-255


def write_cifar_10(folder: Path, train: Arrays, test: Arrays) -> Path:
    """Write the five files of train and that of test; labels are (n,)."""
    folder.mkdir(parents=True, exist_ok=True)
    pieces = zip(*(np.array_split(array, 5) for array in train), strict=True)
    for number, (images, labels) in enumerate(pieces, 1):
        (folder / f"data_batch_{number}.bin").write_bytes(to_records(images, labels))
    (folder / "test_batch.bin").write_bytes(to_records(*test))
    return folder


def write_cifar_100(folder: Path, train: Arrays, test: Arrays) -> Path:
    """Write the two files; labels are (n, 2), coarse and fine."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.bin").write_bytes(to_records(*train))
    (folder / "test.bin").write_bytes(to_records(*test))
    return folder


def to_records(images: np.ndarray, labels: np.ndarray) -> bytes:
    """Write the labels and the red, green and blue values of each image, one by one."""
    records = bytearray()
    for image, label in zip(images, labels, strict=True):
        records += np.atleast_1d(label).astype(np.uint8).tobytes()
        records += b"".join(image[..., channel].tobytes() for channel in range(3))
    return bytes(records)
