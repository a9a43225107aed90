from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.artifacts import Examples, Model
from components.evaluate.measure.measurements import Reference
from components.evaluate.references import explain_misfit, find_reference
from data.examples.artifact import Store
from data.files.documents import write_document
from data.files.durable_files import read_json, write_json
from data.geometry import Geometry
from data.spec import ImageSpec
from serving_export.bundle.manifest import MANIFEST, write_manifest
from serving_export.model_store.push import push

NAME = "digits"


def examples_of(spec: ImageSpec, store: Store = "raw") -> Examples:
    return Examples(path=Path("nowhere"), spec=spec, counts={}, store=store)


@pytest.fixture
def version(tmp_path: Path, train_model: Callable[..., Model]) -> tuple[Path, Model]:
    """A model, pushed as version 1 and 2 with another between: its newest folder."""
    model = train_model(3, 2)
    push(model.bundle, tmp_path, NAME, digest=model.digest, record={})
    push(train_model(5, 2).bundle, tmp_path, NAME, record={})
    number, folder = push(model.bundle, tmp_path, NAME, digest=model.digest, record={})
    assert number == 3
    return folder, model


@pytest.mark.slow
def test_a_sound_model_is_found_by_its_digest_at_its_highest_version(
    version: tuple[Path, Model],
) -> None:
    folder, model = version
    found = find_reference(folder.parent, model.digest, examples_of(model.spec))
    assert found == (Reference(digest=model.digest, version=3), folder)
    rules = [
        {"name": "accuracy overall", "needed": "at least 0.9", "status": "passed"},
        {"name": "ece overall", "needed": "at most 0.1", "status": "failed"},  # overruled, that is
    ]
    write_document(folder / "verdict.json", {"rules": rules})
    reference, _ = find_reference(folder.parent, model.digest, examples_of(model.spec))
    assert reference.met == {("accuracy overall", "at least 0.9")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"class_names": tuple("abcdefghij")}, "other classes: zero, one"),
        ({"height": 9}, "images of shape (8, 8, 1), not (9, 8, 1)"),
    ],
)
def test_other_data_are_told_without_loading_the_model(
    version: tuple[Path, Model], change: dict[str, Any], words: str
) -> None:
    folder, model = version
    spec = dataclasses.replace(model.spec, **change)
    reference, usable = find_reference(folder.parent, model.digest, examples_of(spec))
    assert usable is None
    assert (reference.version, reference.digest) == (3, model.digest)
    assert words in reference.trouble


@pytest.mark.slow
def test_what_its_manifest_vouches_for_and_cannot_be_asked(
    version: tuple[Path, Model], train_model: Callable[..., Model]
) -> None:
    """A manifest made for other bytes: the digests fit, and the graph does not."""
    folder, model = version
    spec = dataclasses.replace(model.spec, channels=3)
    changed = write_manifest_of(folder, spec)
    reference, usable = find_reference(folder.parent, changed, examples_of(spec))
    assert usable is None
    assert "version 3 cannot be evaluated: " in reference.trouble

    fewer = ImageSpec(height=8, width=8, channels=1, class_names=("a", "b"))
    changed = write_manifest_of(folder, fewer)
    reference, usable = find_reference(folder.parent, changed, examples_of(fewer))
    assert (usable, "returns probabilities of shape (1, 10)" in reference.trouble) == (None, True)

    (folder / "saved_model.pb").write_bytes(b"no graph")
    changed = write_manifest_of(folder, model.spec)
    reference, usable = find_reference(folder.parent, changed, examples_of(model.spec))
    assert usable is None
    assert "\n" not in reference.trouble


def write_manifest_of(folder: Path, spec: ImageSpec) -> str:
    beside = {"push.json": read_json(folder / "push.json")}
    (folder / "push.json").unlink()
    (folder / MANIFEST).unlink()
    digest = write_manifest(folder, spec, {})
    for name, content in beside.items():
        write_json(folder / name, content)
    return digest


def test_gone_and_unmanaged(tmp_path: Path) -> None:
    spec = ImageSpec(height=2, width=2, channels=1, class_names=("a", "b"))
    gone, nowhere = find_reference(tmp_path / "no such folder", "d" * 64, examples_of(spec))
    assert (gone.version, nowhere) == (None, None)
    assert gone.trouble == "the version with digest dddddddddddd is missing"
    (tmp_path / "7").mkdir()
    unmanaged, nowhere = find_reference(tmp_path, "unmanaged:7", examples_of(spec))
    assert (unmanaged.version, nowhere) == (7, None)
    assert "no Penstock manifest" in unmanaged.trouble
    unknown, nowhere = find_reference(tmp_path, "unknown:7", examples_of(spec))
    assert (unknown.version, nowhere) == (None, None)
    assert "push record of version 7, which names this model, cannot be read" in unknown.trouble
    assert (gone.whole, unmanaged.whole, unknown.whole) == (False, False, False)


EXACT, PAD = Geometry(), Geometry(fit="pad")


@pytest.mark.parametrize(
    ("store", "theirs", "ours", "differing"),
    [
        ("raw", PAD, PAD, []),
        ("raw", PAD, EXACT, []),
        ("raw", EXACT, PAD, ["fit"]),
        ("raw", Geometry(fit="crop", interpolation="area"), PAD, ["fit", "interpolation"]),
        ("raw", dataclasses.replace(PAD, max_megapixels=1), PAD, []),
        ("raw", Geometry(background=(9, 9, 9)), EXACT, ["background"]),
        ("encoded", Geometry(fit="crop"), PAD, []),
        ("encoded", EXACT, PAD, ["fit"]),
        ("encoded", dataclasses.replace(PAD, max_megapixels=1), PAD, ["max_megapixels"]),
        ("encoded", dataclasses.replace(PAD, orientation="refuse"), PAD, ["orientation"]),
    ],
)
def test_a_model_of_another_geometry_is_compared_where_it_sees_what_it_serves(
    store: Store, theirs: Geometry, ours: Geometry, differing: list[str]
) -> None:
    names = ("a", "b")
    spec = ImageSpec(height=4, width=4, channels=3, class_names=names, geometry=ours)
    misfit = explain_misfit(dataclasses.replace(spec, geometry=theirs), examples_of(spec, store))
    assert re.findall(r"ingest\.(\w+)=", misfit) == differing
