from __future__ import annotations

import os
from pathlib import Path

import pytest

from data.errors import BadDataError
from data.files.file_tree import walk


def names(start: Path, **how: bool) -> list[str]:
    return [file.name for file in walk(start, **how)]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes, outside of the folder that is walked."""
    for name in ("cats/1.png", "cats/2.png", "dogs/1.png"):
        file = tmp_path / "photos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    (tmp_path / "data").mkdir()
    return tmp_path / "photos"


def test_class_folders_and_files_that_are_links(photos: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "cat").symlink_to(photos / "cats")
    (data / "dog").mkdir()
    (data / "dog" / "a.png").symlink_to(photos / "dogs" / "1.png")
    (data / "top").symlink_to(photos)
    assert names(data) == [
        "cat/1.png",
        "cat/2.png",
        "dog/a.png",
        "top/cats/1.png",
        "top/cats/2.png",
        "top/dogs/1.png",
    ]
    (file,) = (file for file in walk(data) if file.name == "dog/a.png")
    assert os.path.samestat(file.stat, (photos / "dogs" / "1.png").stat())


def test_two_links_to_one_folder_are_two_folders(photos: Path, tmp_path: Path) -> None:
    for name in ("cat", "kitten"):
        (tmp_path / "data" / name).symlink_to(photos / "cats")
    assert names(tmp_path / "data") == ["cat/1.png", "cat/2.png", "kitten/1.png", "kitten/2.png"]


@pytest.mark.parametrize("link", ["cats/again", "again", "cats/up/again"])
def test_a_folder_that_holds_itself_is_entered_once(photos: Path, link: str) -> None:
    before = names(photos)
    (photos / link).parent.mkdir(exist_ok=True)
    (photos / link).symlink_to(photos, target_is_directory=True)
    assert names(photos) == before


def test_two_folders_that_hold_one_another(photos: Path) -> None:
    (photos / "cats" / "friends").symlink_to("../dogs")
    (photos / "dogs" / "friends").symlink_to("../cats")
    found = names(photos)
    assert "cats/friends/1.png" in found
    assert not any("friends/friends" in name for name in found)


@pytest.mark.parametrize("target", ["gone.png", "cats/1.png/inside", "itself"])
def test_a_link_that_leads_nowhere_is_named(photos: Path, target: str) -> None:
    (photos / "itself").symlink_to(target)
    with pytest.raises(BadDataError, match="broken link") as error:
        names(photos)
    assert str(photos / "itself") in error.value.what
    assert error.value.got == target
    with pytest.raises(BadDataError, match="broken link"):
        names(photos / "itself")


def test_hidden_links_that_lead_nowhere_are_editors_locks(photos: Path) -> None:
    (photos / ".#1.png").symlink_to("ana@host.1234")
    assert len(names(photos)) == 3


def test_hidden_files_are_given_where_they_are_asked_for(photos: Path) -> None:
    for name in (".a", ".deep/b", "cats/.c"):
        (photos / name).parent.mkdir(exist_ok=True)
        (photos / name).touch()
    hidden = [file.name for file in walk(photos) if file.is_hidden]
    assert hidden == [".a", ".deep/b", "cats/.c"]
    assert not {*names(photos, hidden=False)} & {*hidden}


def test_a_file_is_the_only_one(photos: Path) -> None:
    (file,) = walk(photos / "cats" / "1.png")
    assert (file.name, file.path) == ("1.png", str(photos / "cats" / "1.png"))
    with pytest.raises(FileNotFoundError):
        names(photos / "cats" / "3.png")


def test_what_is_no_file_is_left_out(photos: Path) -> None:
    os.mkfifo(photos / "pipe")
    assert "pipe" not in names(photos)
