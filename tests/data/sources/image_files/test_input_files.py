"""What folders and tables depend on: their files, whatever else is broken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from data.errors import BadDataError
from data.sources import SourceConfig
from data.sources.image_files.input_files import list_input_files, list_input_urls


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A table with two images, and a folder that no row names."""
    for name in ("a/1.png", "a/.2.png", "a/3.png", "b/4.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "a" / "broken.png").symlink_to("nowhere")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "t.csv").write_text("path,label\na/1.png,cat\na/.2.png,dog\na/none.png,cat\n")
    return tmp_path


def list_names(folder: Path, source: str, **settings: str) -> set[str]:
    config = SourceConfig(**{name: str(folder / value) for name, value in settings.items()})
    return {os.path.relpath(file, folder) for file in list_input_files(source, config)}


def test_the_files_of_a_folder(folder: Path) -> None:
    files = {"t.csv", "a/1.png", "a/3.png", "b/4.png"}
    assert list_names(folder, "image_folder", path=".") == files
    assert list_names(folder, "image_folder", path="a/1.png") == {"a/1.png"}
    assert list_names(folder, "image_folder", path="nowhere") == set()


def test_the_files_of_a_table_are_those_that_it_names_and_those_beside_them(folder: Path) -> None:
    named = {"t.csv", "a/1.png", "a/.2.png", "a/3.png"}
    assert list_names(folder, "table", path="t.csv") == named
    assert list_names(folder, "table", path="t.csv", images=".") == {*named, "b/4.png"}
    assert list_names(folder, "table", path="nowhere.csv") == set()
    (folder / "t.csv").write_text("path,what\n")
    with pytest.raises(BadDataError, match="no column with the label"):
        list_names(folder, "table", path="t.csv")


def test_urls(folder: Path) -> None:
    def list_urls(source: str, path: str, images: str | None = None) -> tuple[str, ...]:
        return list_input_urls(source, SourceConfig(path=path, images=images))

    assert list_urls("image_folder", "gs://a/b") == ("gs://a/b",)
    assert list_urls("image_folder", "/a/b") == ()
    assert list_urls("table", "gs://a/b.csv") == ("gs://a",)
    assert list_urls("table", "gs://a/b.csv", "gs://c") == ("gs://a/b.csv", "gs://c")
    assert list_urls("table", "/b.csv", "gs://c") == ("gs://c",)
    table = str(folder / "t.csv")
    assert list_input_files("table", SourceConfig(path=table, images="gs://c")) == [table]
    assert list_input_files("table", SourceConfig(path="gs://a/b.csv")) == []
