from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from data.errors import BadDataError, PenstockError
from serving_export.image_paths import describe_left_out, list_images, read_bytes


def touch(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def test_folders_are_listed_at_any_depth_and_what_is_no_image_is_counted(tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    touch(scans / "b.PNG", scans / "deep" / "er" / "a.jpeg", scans / "a.jpg", scans / ".b.jpg")
    touch(scans / ".hidden" / "a.jpg", scans / "notes.txt", scans / "deep" / "more.txt")
    touch(tmp_path / "no suffix", tmp_path / "film.mp4")
    (scans / "deep" / "up").symlink_to(scans)
    (scans / "gone.gif").symlink_to("nowhere")
    listing = list_images([tmp_path / "film.mp4", scans, tmp_path / "no suffix"])
    names = [file.relative_to(tmp_path).as_posix() for file in listing.files]
    assert names == [
        "film.mp4",
        *("scans/a.jpg", "scans/b.PNG", "scans/deep/er/a.jpeg", "scans/gone.gif"),
        "no suffix",
    ]
    assert listing.left_out == Counter(
        {"hidden": 2, "not an image: .txt": 2, "a link to a folder that holds it": 1}
    )
    assert describe_left_out(Counter({"hidden": 1, "not an image: .txt": 1200})) == (
        "1,200 not an image: .txt, 1 hidden"
    )


def test_what_is_missing_or_without_images_is_told_before_anything_is_read(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "empty" / "notes.txt")
    with pytest.raises(BadDataError, match=r"b\.jpg does not exist"):
        list_images([tmp_path / "a.jpg", tmp_path / "b.jpg"])
    with pytest.raises(BadDataError, match="no images in") as caught:
        list_images([tmp_path / "empty"])
    assert caught.value.got == "1 not an image: .txt"
    assert ".webp" in str(caught.value.expected)


def test_a_folder_that_cannot_be_listed_is_named(unprivileged: Any) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own is closed to others
        folder = Path(name)
        touch(folder / "locked" / "a.jpg")
        folder.chmod(0o755)
        (folder / "locked").chmod(0)
        with unprivileged(), pytest.raises(PenstockError, match="locked") as caught:
            list_images([folder])
        assert caught.value.follows == "nothing was predicted"
        (folder / "locked").chmod(0o755)


def test_links_that_multiply_folders_are_refused_in_words_of_predictions(tmp_path: Path) -> None:
    touch(tmp_path / "real" / "a.jpg")
    for number in range(20):
        (tmp_path / f"link{number}").symlink_to("real")
    with pytest.raises(BadDataError) as caught:
        list_images([tmp_path])
    assert caught.value.follows == "nothing was predicted"
    assert "ingest" not in str(caught.value)


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"content")
    assert read_bytes(tmp_path / "a.jpg") == b"content"
    os.mkfifo(tmp_path / "pipe.jpg")  # nobody writes to it
    with pytest.raises(OSError, match="no regular file"):
        read_bytes(tmp_path / "pipe.jpg")
    with pytest.raises(OSError, match="Is a directory"):
        read_bytes(tmp_path)
