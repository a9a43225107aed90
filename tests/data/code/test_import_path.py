from __future__ import annotations

import sys
from pathlib import Path

import pytest

from data.code.import_path import (
    load_object,
    make_importable,
    resolve_import_path,
    search_working_folder,
)
from data.errors import ConfigError


def test_an_object_is_found_by_its_path() -> None:
    assert load_object("data.code.import_path:load_object") is load_object
    assert resolve_import_path("mine:Source", {"idx": "data:Idx"}, "source") == "mine:Source"
    assert resolve_import_path("idx", {"idx": "data:Idx"}, "source") == "data:Idx"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("load_object", "invalid import path"),
        ("data.code.import_path:", "invalid import path"),
        (":load_object", "invalid import path"),
        ("data.imports:load_object", "cannot import 'data.imports'"),
        ("data.code.import_path:load_objct", "did you mean 'load_object'"),
    ],
)
def test_a_path_that_leads_nowhere(path: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_object(path)


def test_an_unknown_name_gets_the_close_matches() -> None:
    with pytest.raises(ConfigError, match=r"unknown source 'idxx'\n.*did you mean 'idx'"):
        resolve_import_path("idxx", {"idx": "data:Idx", "npz": "data:Npz"}, "source")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: modules of the user's own in it and in `sub`, none of which stays."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.chdir(tmp_path)
    for place in (tmp_path, tmp_path / "sub"):
        place.mkdir(exist_ok=True)
        (place / "own_recipes.py").write_text(f"HERE = {place.name!r}")
        (place / "json.py").write_text("")
    return tmp_path


def test_the_working_folder_is_looked_in_last(folder: Path, monkeypatch) -> None:
    with pytest.raises(ConfigError, match="cannot import 'own_recipes'"):
        load_object("own_recipes:HERE")
    search_working_folder()
    monkeypatch.chdir(folder / "sub")  # as a schedule does that works elsewhere
    assert load_object("own_recipes:HERE") == "sub"
    with pytest.raises(ConfigError, match=r"no 'HERE'\n.*lib/python3.*/json/__init__.py"):
        load_object("json:HERE")


@pytest.mark.parametrize("words", ["import data.loader", "from data import loader"])
def test_a_folder_called_as_a_package_of_ours_is_told_as_such(
    folder: Path, words: str, monkeypatch
) -> None:
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place.startswith(sys.prefix)])
    (folder / "data").mkdir()
    (folder / "data" / "loader.py").write_text("")
    (folder / "own_recipes.py").write_text(f"{words}\n")
    search_working_folder()
    with pytest.raises(ConfigError, match=r"data/loader\.py cannot be imported: .*/data hides it"):
        load_object("own_recipes:HERE")


def test_a_name_that_ours_lacks_is_no_folder_of_the_users(folder: Path, monkeypatch) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "one.png").write_text("")
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place.startswith(sys.prefix)])
    (folder / "own_recipes.py").write_text("from data import loader\n")
    search_working_folder()
    with pytest.raises(ConfigError, match="cannot import name 'loader'"):
        load_object("own_recipes:HERE")


def test_a_file_comes_before_its_like_in_the_working_folder(folder: Path) -> None:
    search_working_folder()
    assert make_importable(Path("sub/own_recipes.py")) == "own_recipes"
    assert load_object("own_recipes:HERE") == "sub"


@pytest.mark.parametrize("name", ["json.py", "own_recipes.py", "own.recipes.py", "__main__.py"])
def test_a_file_by_whose_name_another_module_is_found(folder: Path, name: str) -> None:
    (folder / name).touch()
    search_working_folder()
    make_importable(Path("sub/own_recipes.py"))
    load_object("own_recipes:HERE")
    with pytest.raises(ConfigError, match="another name"):
        make_importable(folder / name)
