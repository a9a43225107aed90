"""A new project is called by its folder's name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from data.errors import ConfigError
from pipeline import recipes
from pipeline.config.graph_checks import check
from pipeline.environment.new_project import make_project


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("flowers", "flowers"),
        ("my flowers!", "my_flowers"),
        (".hidden", "hidden"),
        ("é", "project"),
    ],
)
def test_the_pipeline_and_its_model_have_the_folder_s_name(monkeypatch, tmp_path, folder, name):
    monkeypatch.setattr(sys, "path", [*sys.path])
    for module in ("recipe", "network", "shapes"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    files = make_project(tmp_path / folder)
    assert not [file for file in files if "PROJECT" in file.read_text()]
    assert (tmp_path / folder / "README.md").read_text().startswith(f"# {name}\n")
    pipeline = recipes.build(f"{tmp_path / folder / 'recipe.py'}:recipe")
    check(pipeline)
    assert (pipeline.name, pipeline.model_name) == (name, name)


def test_the_working_folder_gives_its_name_too(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    make_project(Path())
    assert '"here"' in (tmp_path / "here" / "recipe.py").read_text()


def test_a_folder_that_holds_something_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(ConfigError, match="is not empty"):
        make_project(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]
