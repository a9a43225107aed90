"""The source is found by the names of files, and by their first bytes where names say nothing."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import idx_files
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import BadDataError, EnvironmentTrouble
from data.files.tfrecord_frames import frame_record
from data.sources import NAMES
from pipeline.inspection.dataset.formats.recognize import recognize
from pipeline.inspection.dataset.formats.recognizers import RECOGNIZERS

PIXELS = b"label,p0,p1,p2,p3\n7,0,255,9,1\n"
PATHS = b"path,label\na.jpg,cat\n"


def write_rows(**columns: list) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


EMBEDDED = write_rows(image=[{"bytes": b"\x89PNG", "path": "a.png"}], label=[1])
BYTES = write_rows(png=[b"\x89PNG"], label=["cat"])
LISTED = write_rows(path=["a.jpg"], label=["cat"])
IDX = idx_files.idx_bytes(np.zeros((2, 3, 3)))
RECORD = frame_record(b"an example")


@pytest.mark.parametrize(
    ("files", "source", "place"),
    [
        ({"cat/a.jpg": b"", "dog/b.jpg": b""}, "image_folder", "."),
        ({"train/cat/a.jpg": b"", "test/cat/b.jpg": b""}, "image_folder", "."),
        ({"cat/a.jpg": b"", "dog/b.jpg": b"", "notes.csv": PATHS}, "image_folder", "."),
        ({"cat/a.jpg": b"", "dog/b.jpg": b"", "seen.npz": b""}, "image_folder", "."),
        ({"images/cat/a.jpg": b"", "labels.csv": PATHS}, "table", "labels.csv"),
        ({"a.jpg": b"", "b.jpg": b"", "labels.tsv": b"", ".hidden": b""}, "table", "labels.tsv"),
        ({"rows.parquet": LISTED, "a.jpg": b""}, "table", "rows.parquet"),
        ({"rows.jsonl": b"{}"}, "table", "rows.jsonl"),
        ({"train-0-of-1.parquet": EMBEDDED, "README.md": b""}, "parquet", "."),
        ({"README.md": b"", "data/test-0-of-1.parquet": EMBEDDED}, "parquet", "data"),
        ({"a.parquet": BYTES}, "parquet", "."),
        ({"a.parquet": b"cut"}, "parquet", "."),
        ({"train.csv": PIXELS}, "pixels_csv", "train.csv"),
        ({"mnist_train.csv.gz": gzip.compress(PIXELS)}, "pixels_csv", "mnist_train.csv.gz"),
        ({"a_train.csv": PIXELS, "a_test.csv": PIXELS}, "pixels_csv", "."),
        ({"emnist.csv": b"7,0,255,9,1\n3,0,0,0,0\n"}, "pixels_csv", "emnist.csv"),
        ({"mnist.npz": b""}, "npz", "mnist.npz"),
        ({"k-train-imgs.npz": b"", "k-train-labels.npz": b""}, "npz", "."),
        ({"train-images-idx3-ubyte.gz": b"", "train-labels-idx1-ubyte.gz": b""}, "idx", "."),
        ({"train-images.idx3-ubyte": b"", "t10k-labels.idx1-ubyte": b""}, "idx", "."),
        ({"emnist-letters-train-images-idx3-ubyte.gz": b""}, "idx", "."),
        ({"qmnist-train-labels-idx2-int.gz": b""}, "idx", "."),
        ({"raw/train-images-idx3-ubyte": b"", "processed/a.pt": b""}, "idx", "raw"),
        ({"digits": IDX}, "idx", "."),
        ({"digits.gz": gzip.compress(IDX)}, "idx", "."),
        ({"data_batch_1.bin": b"", "test_batch.bin": b""}, "cifar_binary", "."),
        ({"cifar-100-binary/train.bin": b""}, "cifar_binary", "cifar-100-binary"),
        ({"dataset_info.json": b"", "features.json": b"", "x.txt": b""}, "tfds_dir", "."),
        ({"3.0.1/dataset_info.json": b"", "3.0.1/features.json": b""}, "tfds_dir", "3.0.1"),
        ({"a/1.0.0/features.json": b"", "a/1.0.0/dataset_info.json": b""}, "tfds_dir", "a/1.0.0"),
        ({"a.tfrecord-00000-of-00001": b""}, "tfrecord", "."),
        ({"a.tfrecords.gz": b"", "b.tfrec": b""}, "tfrecord", "."),
        ({"part-00000": RECORD}, "tfrecord", "."),
    ],
)
def test_a_folder_is_recognized(tmp_path: Path, files, source, place) -> None:
    write(tmp_path, files)
    found = recognize(str(tmp_path))
    assert (found.source, Path(found.path)) == (source, tmp_path / place)


@pytest.mark.parametrize(
    ("file", "content", "source", "is_folder"),
    [
        ("a.csv", PATHS, "table", False),
        ("a.csv", PIXELS, "pixels_csv", False),
        ("a.csv", b"label,width,height,depth,name\n1,2,3,4,a.jpg\n", "pixels_csv", False),
        ("a.csv", b"image,w,h,c,label\n1,2,3,4,5\n", "table", False),
        ("a.npz", b"", "npz", False),
        ("a.parquet", EMBEDDED, "parquet", False),
        ("a.parquet", LISTED, "table", False),
        ("a.tfrecord", b"", "tfrecord", False),
        ("records", RECORD, "tfrecord", False),
        ("t10k-images-idx3-ubyte", b"", "idx", True),
        ("test_batch.bin", b"", "cifar_binary", True),
        ("dataset_info.json", b"", None, False),
    ],
)
def test_a_file_is_recognized(tmp_path: Path, file, content, source, is_folder) -> None:
    write(tmp_path, {file: content})
    if source is None:
        with pytest.raises(BadDataError, match="is no dataset"):
            recognize(str(tmp_path / file))
        return
    found = recognize(str(tmp_path / file))
    assert found.source == source
    assert Path(found.path) == (tmp_path if is_folder else tmp_path / file)


def test_every_source_that_reads_a_path_has_a_recognizer() -> None:
    assert {r.source for r in RECOGNIZERS} == set(NAMES) - {"digits", "tfds"}


@pytest.mark.parametrize(
    ("files", "path", "got", "remedy"),
    [
        (["a.jpg", "b.PNG"], "", "2 images without a class", "a folder of its own"),
        ([], "", "nothing", "a folder of its own"),
        (["a.txt"], "", "a.txt", "a folder of its own"),
        ([f"{i}.txt" for i in range(20)] + ["a"], "", "20 with .txt, 1 with no ending", "table"),
        (["a.jpg"], "a.jpg", "1 images without a class", "a folder of its own"),
        (["cifar.tar.gz"], "", "cifar.tar.gz", "unpack the archive"),
        (["data_batch_1", "batches.meta"], "", "batches.meta, data_batch_1", "unpickled"),
        (["x.npy"], "", "x.npy", "np.savez"),
        ([], "missing", None, "check the path"),
    ],
)
def test_what_no_source_reads_is_refused_by_name(tmp_path: Path, files, path, got, remedy) -> None:
    write(tmp_path, dict.fromkeys(files, b""))
    with pytest.raises(BadDataError) as caught:
        recognize(str(tmp_path / path))
    assert caught.value.got == got
    assert remedy in (caught.value.remedy or "")


def test_bytes_that_only_look_like_a_format_are_none(tmp_path: Path) -> None:
    write(tmp_path, {"a": struct.pack("<Q", 9) + bytes(20), "b": b"\x1f\x8bcut", "c": bytes(64)})
    with pytest.raises(BadDataError, match="is no dataset"):
        recognize(str(tmp_path))


def test_a_folder_that_cannot_be_listed_is_no_missing_data(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(EnvironmentTrouble, match="cannot read"):
        recognize(str(tmp_path / "loop"))


def write(folder: Path, files: dict[str, bytes]) -> None:
    for file, content in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)
