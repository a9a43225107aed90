from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from data.errors import BadDataError
from data.files.file_states import describe_stat, find_last_changed, folder_state


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    (folder / "cat").mkdir(parents=True)
    (folder / "cat" / "1.png").write_bytes(b"cat")
    (folder / "labels.csv").write_bytes(b"1,cat")
    return folder


def same_times(file: Path, content: bytes) -> None:
    stat = file.stat()
    file.write_bytes(content)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "another byte, size and mtime as before": lambda f: same_times(f / "cat/1.png", b"dog"),
    "a new file": lambda f: (f / "cat" / "2.png").touch(),
    "a file is gone": lambda f: (f / "labels.csv").unlink(),
    "a new name": lambda f: (f / "cat").rename(f / "dog"),
    "a file replaced": lambda f: (
        (f / "new").write_bytes(b"dog"),
        (f / "new").rename(f / "cat/1.png"),
    ),
    "a linked folder": lambda f: (f / "more").symlink_to(f / "cat"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_under_a_folder_is_seen(folder: Path, change: Callable[[Path], object]) -> None:
    before = folder_state(folder)
    assert folder_state(folder) == before
    change(folder)
    assert folder_state(folder) != before


def test_what_is_hidden_or_left_out_does_not_count(folder: Path) -> None:
    before = folder_state(folder, [folder / "root", folder / "nowhere"])
    for name in (".penstock/x", "__pycache__/x.pyc", "cat/.DS_Store", "root/ledger"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    assert folder_state(folder, [folder / "root"]) == before
    assert folder_state(folder) != before


@pytest.mark.parametrize("target", ["nowhere", "link"])
def test_a_link_that_leads_nowhere_is_named(folder: Path, target: str) -> None:
    (folder / "link").symlink_to(folder / target)
    with pytest.raises(BadDataError, match="link is a broken link"):
        folder_state(folder)


def test_links_that_lead_up_end(folder: Path) -> None:
    (folder / "cat" / "up").symlink_to(folder)
    (folder / "cat" / "here").symlink_to(folder / "cat")
    assert folder_state(folder).startswith("2 files, ")


def test_the_file_that_was_changed_last_is_named(folder: Path) -> None:
    (folder / "cat" / "1.png").write_bytes(b"dog")
    assert find_last_changed(folder) == folder / "cat" / "1.png"
    assert find_last_changed(folder / "cat", [folder / "cat" / "1.png"]) == folder / "cat"


def test_a_file_s_state_changes_with_its_bytes_whatever_its_mtime(folder: Path) -> None:
    file = folder / "labels.csv"
    before = describe_stat(file.stat())
    same_times(file, b"1,dog")
    assert describe_stat(file.stat()) != before
