from __future__ import annotations

import json
from pathlib import Path

import pytest

from data.errors import BadDataError
from data.examples.artifact import (
    DESCRIPTION,
    Examples,
    load_examples,
    shard_name,
    write_description,
)
from data.spec import ImageSpec


@pytest.fixture
def examples(tmp_path: Path) -> Examples:
    """Two classes; shards that are only names."""
    spec = ImageSpec(height=2, width=3, channels=1, class_names=("no", "yes"))
    counts = {"train": (1500, 2), "test": (3, 0)}
    made = Examples(path=tmp_path, spec=spec, counts=counts)
    for split, total in {"train": 11, "test": 1}.items():
        for index in range(total):
            (tmp_path / shard_name(split, index, total)).touch()
    write_description(made, {"source": "digits"})
    return made


def test_a_description_comes_back(examples: Examples) -> None:
    assert load_examples(examples.path) == examples
    assert json.loads((examples.path / DESCRIPTION).read_text())["source"] == {"source": "digits"}


def test_what_it_tells(examples: Examples) -> None:
    assert examples.num_examples("train") == 1502
    assert examples.num_examples("validation") == 0
    assert examples.summary == "1,502 train, 3 test; 2 classes, 2 x 3 x 1"
    assert [s.name[-14:-9] for s in examples.shards("train")] == [f"{n:05d}" for n in range(11)]
    assert examples.shards("validation") == []


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d.pop("spec"),
        lambda d: d.pop("counts"),
        lambda d: d["spec"].pop("height"),
        lambda d: d["spec"].update(depth=3),
        lambda d: d["spec"].update(height=0),
        lambda d: d["spec"].update(class_names=None),
        lambda d: d.update(counts=[1, 2]),
        lambda d: d.update(counts={"train": ["a"]}),
        lambda d: d.update(counts={"other": [1, 2]}),
        lambda d: d.update(store="zip"),
        lambda d: d.pop("features"),
    ],
)
def test_a_description_of_something_else(examples: Examples, edit) -> None:
    description = json.loads((examples.path / DESCRIPTION).read_text())
    edit(description)
    (examples.path / DESCRIPTION).write_text(json.dumps(description))
    with pytest.raises(BadDataError):
        load_examples(examples.path)


def test_what_is_no_description_at_all(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="is missing"):
        load_examples(tmp_path)
    (tmp_path / DESCRIPTION).write_text("[]")
    with pytest.raises(BadDataError, match=r"examples\.json is not a JSON object"):
        load_examples(tmp_path)
