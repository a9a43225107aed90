"""What of a step's outside data is looked at, and what nobody can look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import toy_steps

from components import ingest, train
from components.context import Depends
from pipeline.config.graph import Ref, Step
from pipeline.config.outside_data import find_named_paths, find_unseen, inspect


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: a folder of images, labels, and weights."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    for name in ("images/1", "labels.csv", "weights"):
        (tmp_path / name).write_text("1")
    return tmp_path


def read(component: str = "toy_steps:Read", **options: Any) -> Step:
    config = toy_steps.Read.Config(options=options)
    return Step(name="read", component=component, config=config)


def own_source(source: str = "own_sources:Files", **settings: Any) -> Step:
    config = ingest.Config(source=source, **settings)
    return Step(name="ingest", component="components.ingest", config=config)


TABLES: dict[str, tuple[Any, list[str]]] = {
    "relative": ("./labels.csv", ["labels.csv"]),
    "absolute": ("{here}/labels.csv", ["labels.csv"]),
    "a folder": ("images/", ["images"]),
    "in a list": (["./weights", "images/1"], ["weights", "images/1"]),
    "in a table": ({"a": {"b": ["./weights"]}}, ["weights"]),
    "a key": ({"./weights": 0.5}, ["weights"]),
    "twice": (["./weights", "{here}/weights"], ["weights"]),
    "without a slash": ("weights", []),
    "nothing there": ("./nowhere", []),
    "a URL": ("https://host/labels.csv", []),
    "the root of all": ("/", []),
    "no path": ("a/b\0c" + "x" * 5000, []),
    "a device": ("/dev/null", []),
    "no text": ([1, 2.5, None, True], []),
}


@pytest.mark.parametrize(("value", "expected"), TABLES.values(), ids=TABLES)
def test_paths_in_a_table_are_looked_at(project: Path, value: Any, expected: list[str]) -> None:
    def placed(plain: Any) -> Any:
        return plain.replace("{here}", str(project)) if isinstance(plain, str) else plain

    value = [placed(v) for v in value] if isinstance(value, list) else placed(value)
    paths = [path.relative_to(project).as_posix() for path in find_named_paths(read(it=value))]
    assert paths == expected


def test_a_path_may_count_from_the_step_s_module(project: Path, monkeypatch) -> None:
    folder = project / "package" / "inner"
    folder.mkdir(parents=True)
    for name in ("package/__init__.py", "package/inner/__init__.py", "package/inner/files.py"):
        (project / name).touch()
    monkeypatch.syspath_prepend(str(project))
    monkeypatch.chdir("/")
    step = own_source("package.inner.files:Source", options={"path": "lists/one"})
    for place in (project, project / "package", folder):
        (place / "lists").mkdir()
        (place / "lists" / "one").touch()
        assert place / "lists" / "one" in find_named_paths(step)


@pytest.mark.parametrize("name", ["images/1", "labels.csv"])
def test_what_stands_otherwise_is_seen(project: Path, name: str) -> None:
    step = read(folder="./images", labels="./labels.csv")
    before = inspect(step)
    assert inspect(step) == before
    assert set(before.files) == {str(project / "labels.csv")}
    assert set(before.listed) == {str(project / "images")}
    (project / name).write_text("2")
    assert inspect(step) != before


def test_the_folder_of_tfds_is_its_own_matter(project: Path) -> None:
    assert set(inspect(own_source(data_dir="images")).listed) == {"images"}
    assert not inspect(own_source("tfds", name="mnist", data_dir="images")).listed


def test_weights_that_a_training_begins_with_are_looked_at(project: Path) -> None:
    config = train.Config(model_options={"weights": f"{project}/weights"})
    step = Step(name="train", component="components.train", config=config)
    assert set(inspect(step).files) == {str(project / "weights")}


def test_what_nobody_can_look_at_is_named(project: Path) -> None:
    assert find_unseen(read()) == ("toy_steps:Read",)
    assert find_unseen(read(folder="./nowhere")) == ("toy_steps:Read",)
    assert find_unseen(read(folder="./images")) == ()
    assert find_unseen(read(folder="./images", labels="https://host/x")) == ("https://host/x",)
    assert find_unseen(read("toy_steps:Stamped", labels="https://host/x")) == ()
    assert find_unseen(own_source()) == ("own_sources:Files",)
    assert find_unseen(own_source(path="images")) == ()
    assert find_unseen(own_source(options={"chunk": 5})) == ("own_sources:Files",)
    assert find_unseen(own_source(data_dir="images")) == ()
    assert find_unseen(own_source(data_dir="nowhere")) == ("own_sources:Files",)
    assert find_unseen(own_source(path="day-{SPAN}")) == ()
    assert find_unseen(own_source("own_sources:Stamped")) == ()
    assert find_unseen(own_source("digits")) == ()
    config = train.Config(model_options={"weights": "https://host/w", "units": [3]})
    assert find_unseen(Step(name="train", component="components.train", config=config)) == (
        "https://host/w",
    )


def test_a_component_that_says_what_it_depends_on_is_taken_at_its_word(monkeypatch) -> None:
    step = read()
    monkeypatch.setattr(toy_steps.Read, "depends", lambda config: Depends(), raising=False)
    assert find_unseen(step) == ()
    inner = Step(
        name="inner", component="toy_steps:Read", config=step.config, inputs={"x": Ref("a", "b")}
    )
    assert find_unseen(inner) == ()


def test_the_stamp_of_a_source_is_asked_for(project: Path) -> None:
    step = own_source("own_sources:Stamped", options={"word": "one"})
    assert inspect(step).stamp == "one"
    assert inspect(own_source("own_sources:Files")).stamp is None
    assert inspect(own_source("own_sources:Stamped", path="day-{SPAN}")).stamp is None
