"""Write MNIST's four IDX files from arrays, for tests and for trying a pipeline by hand."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

Arrays = tuple[np.ndarray, np.ndarray]  # (n, height, width[, 1]) uint8 and (n,) 0-255


def write_idx(folder: Path, train: Arrays, test: Arrays, *, compress: bool = True) -> Path:
    """Write the four files under their standard names; returns the folder, made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, (images, labels) in {"train": train, "t10k": test}.items():
        for kind, array in {"images": images.reshape(images.shape[:3]), "labels": labels}.items():
            content = idx_bytes(array)
            name = f"{prefix}-{kind}-idx{array.ndim}-ubyte"
            if compress:
                # no time of writing, so that the same arrays give the same file
                (folder / f"{name}.gz").write_bytes(gzip.compress(content, 6, mtime=0))
            else:
                (folder / name).write_bytes(content)
    return folder


def copy_part(whole: Path, folder: Path, train: int, test: int) -> Path:
    """Write the first images of both splits of MNIST's four files, which are compressed."""

    def read(prefix: str, number: int) -> Arrays:
        images, labels = (
            np.frombuffer(gzip.decompress((whole / f"{prefix}-{kind}-ubyte.gz").read_bytes()), "u1")
            for kind in ("images-idx3", "labels-idx1")
        )
        return images[16:].reshape(-1, 28, 28)[:number], labels[8:][:number]

    return write_idx(folder, read("train", train), read("t10k", test), compress=False)


def idx_bytes(array: np.ndarray) -> bytes:
    """Write an array of values 0-255 as an IDX file."""
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()
