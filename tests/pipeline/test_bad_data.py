"""Bad input by the command line: one clear message, exit code 5, nothing left half written."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import idx_files
import numpy as np
import pytest

from pipeline import exit_codes
from pipeline.cli.main import call

RNG = np.random.default_rng(0)
TRAIN = RNG.integers(0, 256, (60, 8, 8), dtype=np.uint8), np.arange(60) % 10
TEST = RNG.integers(0, 256, (20, 8, 8), dtype=np.uint8), np.arange(20) % 10
IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


def plain(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """A change of the file's content, not of its compression."""
    return lambda content: gzip.compress(change(gzip.decompress(content)))


def dimensions(*sizes: int) -> Callable[[bytes], bytes]:
    packed = struct.pack(f">{len(sizes)}I", *sizes)
    return plain(lambda content: content[:4] + packed + content[4 + len(packed) :])


@pytest.mark.parametrize(
    ("file", "change", "told"),
    [
        (IMAGES, lambda content: content[:-40], "truncated or corrupt"),
        (IMAGES, lambda content: b"", "expected"),
        (IMAGES, plain(lambda c: b"\0\0\x0b\x03" + c[4:]), "expected"),
        (IMAGES, plain(lambda c: c + b"more"), "more bytes"),
        (IMAGES, plain(lambda c: c[:-1]), "the end of the file in row 59"),
        (IMAGES, dimensions(60, 0, 8), "expected"),
        (IMAGES, dimensions(60, 1 << 20, 1 << 11), "expected"),
        (LABELS, dimensions(59), "the numbers of images and labels differ"),
        (LABELS, plain(lambda c: c[:-1] + b"\xc8"), "200"),
    ],
    ids=[
        "truncated gzip",
        "empty file",
        "wrong magic",
        "trailing bytes",
        "cut short",
        "dimension 0",
        "absurd dimension",
        "fewer labels than images",
        "label out of range",
    ],
)
def test_a_damaged_file(file, change, told, tmp_path, capfd):
    folder = idx_files.write_idx(tmp_path / "data", TRAIN, TEST)
    (folder / file).write_bytes(change((folder / file).read_bytes()))
    refused(folder, tmp_path / "root", told, capfd)


def test_two_classes_asked_of_ten(tmp_path, capfd):
    folder = idx_files.write_idx(tmp_path / "data", TRAIN, TEST)
    words = ["--set", "ingest.class_names=['even', 'odd']"]
    refused(folder, tmp_path / "root", "0 to 1", capfd, *words)


def refused(folder: Path, root: Path, told: str, capfd, *more: str) -> None:
    words = ["run", "digits", "--root", str(root), "--set", "ingest.source=idx", *more]
    assert call([*words, "--set", f"ingest.path={folder}"]) == exit_codes.BAD_DATA
    error = capfd.readouterr().err
    assert "penstock: bad data: " in error
    assert told in error
    assert "continues from step 'ingest'" in error
    assert "Traceback" not in error
    assert [p for p in root.glob("artifacts/*/*") if not p.name.endswith(".lock")] == []
