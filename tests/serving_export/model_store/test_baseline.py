"""What a candidate is held against, from folders as pushes leave them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data.base.durable_files import write_json
from data.spec import ImageSpec
from serving_export.bundle.manifest import write_manifest
from serving_export.model_store.baseline import NONE, Against, against, find, serves
from serving_export.model_store.history import history
from serving_export.model_store.layout import bundle_folder, serving_identity
from serving_export.model_store.push import push
from serving_export.model_store.rollback import rollback

SPEC = ImageSpec(height=2, width=3, channels=1, class_names=("a", "b"))


class Place:
    """A model's folder, and small bundles to push into it."""

    def __init__(self, folder: Path) -> None:
        self.made, self.serving = folder / "made", folder / "serving"
        self.folder = self.serving / "m"

    def bundle(self, name: str) -> tuple[Path, str]:
        path = self.made / name
        if path.is_dir():
            return path, find_digest(path)
        path.mkdir(parents=True)
        (path / "saved_model.pb").write_text(name)
        return path, write_manifest(path, SPEC, {})

    def push(self, name: str, **record: Any) -> str:
        path, digest = self.bundle(name)
        push(path, self.serving, "m", digest=digest, record=record)
        return digest

    def against(self, candidate: str | None = None, last: int = 5) -> Against:
        return against(self.folder, candidate, last)


def find_digest(path: Path) -> str:
    from data.base.durable_files import sha256_file

    return sha256_file(path / "penstock.json")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_nothing_serves(place):
    assert place.against() == Against()
    place.folder.mkdir(parents=True)
    assert place.against("d") == Against(baseline=NONE, best=NONE, replaced=None)
    assert serves(place.folder, "d") is None
    assert find(place.folder, "d") is None


def test_the_newest_is_the_baseline(place):
    first, second = place.push("one"), place.push("two")
    assert place.against("d").baseline == second
    assert find(place.folder, first) == (1, place.folder / "1")
    assert serves(place.folder, second) == place.folder / "2"
    assert serves(place.folder, first) is None


def test_who_serves_is_held_against_what_it_was_held_against(place):
    first = place.push("one", baseline=None)
    assert place.against(first) == Against()
    second = place.push("two", baseline=first, best="b" * 64)
    assert place.against(second) == Against(baseline=first, best="b" * 64)
    again = place.push("one", baseline=second, replaced=[1, 2])
    assert place.against(again) == Against(baseline=second, replaced=(1, 2))


def test_who_was_replaced_is_told(place):
    first, second = place.push("one"), place.push("two")
    found = place.against(first)
    assert (found.baseline, found.replaced) == (second, (1, 2))
    place.push("one")
    assert place.against(first).replaced is None
    assert place.against(second).replaced == (2, 3)


def test_a_version_that_is_not_ours_is_a_baseline_without_a_digest(place):
    place.push("one", accuracy=0.9)
    (place.folder / "7").mkdir()
    assert place.against("d").baseline == "foreign:7"


@pytest.mark.parametrize(
    ("accuracies", "last", "best"),
    [
        ([0.99, 0.9, 0.95], 5, 0),
        ([0.99, 0.9, 0.95], 2, None),  # it is too long ago, and the newest is the best
        ([0.9, 0.99, 0.95], 2, 1),
        ([0.9, 0.95, 0.99], 5, None),
        ([0.99, 0.9, 0.95], 0, None),
        ([None, "0.99", 0.95], 5, None),  # a record of someone else's
    ],
)
def test_the_best_of_the_last_pushes(place, accuracies, last, best):
    digests = [place.push(f"m{i}", accuracy=a) for i, a in enumerate(accuracies)]
    assert place.against("d", last).best == (NONE if best is None else digests[best])


def test_what_was_rolled_back_from_is_no_example(place):
    place.push("one", accuracy=0.9)
    best = place.push("two", accuracy=0.99)
    assert place.against("d").best == NONE
    rollback(place.serving, "m", by="ana", reason="wrong on sevens")
    place.push("three", accuracy=0.91)
    assert place.against("d").best == NONE
    assert place.against(best).replaced == (2, 4)


def test_a_record_that_cannot_be_read_says_nothing(place):
    digest = place.push("one", accuracy=0.9)
    (place.folder / "1" / "push.json").write_text("{")
    assert place.against(digest) == Against()
    write_json(place.folder / "1" / "push.json", ["no record"])
    assert place.against(digest) == Against()
    assert place.against("d").baseline == digest


@pytest.mark.parametrize("name", ["00000123", "0124"])
def test_a_version_with_zeros_before_its_number_is_what_serves(place, name):
    """TensorFlow Serving reads the name as a number, and so does whoever deploys by that layout."""
    first, second = place.push("a"), place.push("b")
    served = (place.folder / "2").rename(place.folder / name)
    assert place.against("c").baseline == second
    assert place.against(first).replaced == (1, int(name))
    assert serves(place.folder, second) == served
    assert find(place.folder, second) == (int(name), served)
    assert serving_identity(place.folder) == second
    assert bundle_folder(place.folder) == served
    assert [version.path.name for version in history(place.folder)] == ["1", name]
    third = place.push("c")
    assert serves(place.folder, third) == place.folder / str(int(name) + 1)
    number, _ = rollback(place.serving, "m", by="ana", reason="it was better")
    assert number == int(name) + 2
    assert serving_identity(place.folder) == second


def test_of_two_folders_of_one_number_the_one_that_no_push_writes_is_looked_at(place):
    place.push("a")
    other = place.folder / "01"
    other.mkdir()
    assert place.against("c").baseline == "foreign:01"
    assert serves(place.folder, "x") is None
