"""What a candidate is held against, from folders as pushes leave them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data.spec import ImageSpec
from serving_export.bundle.manifest import write_manifest
from serving_export.model_store.baseline import (
    ReferenceModels,
    find_reference_models,
    find_serving_version,
    find_version,
)
from serving_export.model_store.best import NONE
from serving_export.model_store.history import list_versions
from serving_export.model_store.layout import (
    find_bundle_folder,
    identify_serving_version,
    read_model_digest,
)
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

    def twin(self, name: str) -> Path:
        """Another bundle of the same model."""
        path = self.made / f"{name}-again"
        path.mkdir()
        (path / "saved_model.pb").write_text(f"{name}, saved again")
        write_manifest(path, SPEC, {}, read_model_digest(self.bundle(name)[0]))
        return path

    def against(self, candidate: str | None = None) -> ReferenceModels:
        return find_reference_models(self.folder, self.bundle(candidate)[0] if candidate else None)

    def serves(self, candidate: str) -> Path | None:
        return find_serving_version(self.folder, self.bundle(candidate)[0])


def find_digest(path: Path) -> str:
    from data.files.durable_files import sha256_file

    return sha256_file(path / "penstock.json")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_nothing_serves(place):
    assert place.against() == ReferenceModels()
    place.folder.mkdir(parents=True)
    assert place.against("d") == ReferenceModels(baseline=NONE, best=NONE, replaced=None)
    assert place.serves("d") is None
    assert find_version(place.folder, "d") is None


def test_the_newest_is_the_baseline(place):
    first, second = place.push("one"), place.push("two")
    assert place.against("d").baseline == second
    assert find_version(place.folder, first) == (1, place.folder / "1")
    assert place.serves("two") == place.folder / "2"
    assert place.serves("one") is None


def test_who_serves_is_held_against_what_it_was_held_against(place):
    first = place.push("one", baseline=None)
    assert place.against("one") == ReferenceModels()
    place.push("two", baseline=first, best="b" * 64)
    assert place.against("two") == ReferenceModels(baseline=first, best="b" * 64)
    place.push("one", baseline=first, replaced=[1, 2])
    assert place.against("one") == ReferenceModels(baseline=first, replaced=(1, 2))


def test_another_bundle_of_a_model_is_that_model(place):
    """Saving one model twice gives other bytes: a twin of what serves, and of what did once."""
    first = place.push("one", accuracy=0.9, examples=100)
    second = place.push("two", baseline=first, best=first)
    twin = place.twin("two")
    assert (
        find_reference_models(place.folder, twin)
        == ReferenceModels(baseline=second, best=first)
        == place.against()
    )
    assert find_serving_version(place.folder, twin) == place.folder / "2"
    assert find_reference_models(place.folder, place.twin("one")).replaced == (1, 2)
    assert find_serving_version(place.folder, place.made / "one-again") is None


def test_who_was_replaced_is_told(place):
    second = place.push("one") and place.push("two")
    found = place.against("one")
    assert (found.baseline, found.replaced) == (second, (1, 2))
    place.push("one")
    assert place.against("one").replaced is None
    assert place.against("two").replaced == (2, 3)


def test_a_version_that_is_not_ours_is_a_baseline_without_a_digest(place):
    best = place.push("one", accuracy=0.9, examples=100)
    (place.folder / "7").mkdir()
    assert place.against("d") == ReferenceModels(baseline="unmanaged:7", best=best)


def test_the_best_is_named_even_where_it_serves(place):
    first = place.push("one", accuracy=0.9, examples=100)
    assert place.against("d") == ReferenceModels(baseline=first, best=first)
    second = place.push("two", accuracy=0.8, examples=100)
    assert place.against("d") == ReferenceModels(baseline=second, best=first)


def test_a_record_that_cannot_be_read_says_nothing_but_that(place):
    digest = place.push("one", accuracy=0.9)
    for content in ("{", '["no record"]'):
        (place.folder / "1" / "push.json").write_text(content)
        assert place.against("one") == ReferenceModels()
        assert place.against("d") == ReferenceModels(baseline=digest, best="unknown:1")


@pytest.mark.parametrize("name", ["00000123", "0124"])
def test_a_version_with_zeros_before_its_number_is_what_serves(place, name):
    """TensorFlow Serving reads the name as a number, and so does whoever deploys by that layout."""
    first, second = place.push("a"), place.push("b")
    assert find_version(place.folder, first) == (1, place.folder / "1")
    served = (place.folder / "2").rename(place.folder / name)
    assert place.against("c").baseline == second
    assert place.against("a").replaced == (1, int(name))
    assert place.serves("b") == served
    assert find_version(place.folder, second) == (int(name), served)
    assert identify_serving_version(place.folder) == second
    assert find_bundle_folder(place.folder) == served
    assert [version.path.name for version in list_versions(place.folder)] == ["1", name]
    third = place.push("c")
    assert third != second
    assert place.serves("c") == place.folder / str(int(name) + 1)
    number, _ = rollback(place.serving, "m", by="ana", reason="it was better")
    assert number == int(name) + 2
    assert identify_serving_version(place.folder) == second


def test_of_two_folders_of_one_number_the_one_that_no_push_writes_is_looked_at(place):
    place.push("a")
    other = place.folder / "01"
    other.mkdir()
    assert place.against("c").baseline == "unmanaged:01"
    assert place.serves("a") is None
