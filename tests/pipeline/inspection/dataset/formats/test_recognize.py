"""The source is found by the names of files alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.errors import BadDataError, EnvironmentTrouble
from pipeline.inspection.dataset.formats.recognize import recognize


@pytest.mark.parametrize(
    ("files", "source", "place"),
    [
        (["cat/a.jpg", "dog/b.jpg"], "image_folder", "."),
        (["train/cat/a.jpg", "test/cat/b.jpg"], "image_folder", "."),
        (["cat/a.jpg", "dog/b.jpg", "notes.csv"], "image_folder", "."),
        (["images/cat/a.jpg", "labels.csv"], "table", "labels.csv"),
        (["a.jpg", "b.jpg", "labels.tsv", ".hidden"], "table", "labels.tsv"),
        (["rows.parquet"], "table", "rows.parquet"),
        (["mnist.npz"], "npz", "mnist.npz"),
        (["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"], "idx", "."),
        (["dataset_info.json", "features.json", "x.tfrecord-0-of-1"], "tfds_dir", "."),
    ],
)
def test_a_folder_is_recognized(tmp_path: Path, files, source, place) -> None:
    write(tmp_path, files)
    found = recognize(str(tmp_path))
    assert (found.source, Path(found.path)) == (source, tmp_path / place)


@pytest.mark.parametrize(
    ("file", "source"), [("a.csv", "table"), ("a.npz", "npz"), ("t10k-images-idx3-ubyte", "idx")]
)
def test_a_file_is_recognized(tmp_path: Path, file: str, source: str) -> None:
    write(tmp_path, [file])
    found = recognize(str(tmp_path / file))
    assert found.source == source
    assert Path(found.path) == (tmp_path if source == "idx" else tmp_path / file)


@pytest.mark.parametrize(
    ("files", "path", "got"),
    [
        (["a.jpg", "b.PNG"], "", "2 images without a class"),
        ([], "", "nothing"),
        (["a.txt"], "", "a.txt"),
        (["a.jpg"], "a.jpg", "1 images without a class"),
        ([], "missing", None),
    ],
)
def test_what_no_source_reads_is_refused_by_name(tmp_path: Path, files, path, got) -> None:
    write(tmp_path, files)
    with pytest.raises(BadDataError) as caught:
        recognize(str(tmp_path / path))
    assert caught.value.got == got


def test_a_folder_that_cannot_be_listed_is_no_missing_data(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(EnvironmentTrouble, match="cannot read"):
        recognize(str(tmp_path / "loop"))


def write(folder: Path, files: list[str]) -> None:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
