from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from data.errors import BadDataError
from pipeline.storage.database import FILE
from pipeline.storage.known_models import KnownModels, trust
from pipeline.storage.ledger import Ledger
from serving_export.bundle.model_trust import digest_model_folder


@pytest.fixture
def served(root: Path) -> Path:
    return root / "serving" / "digits" / "1"


@pytest.fixture
def theirs(served: Path, tmp_path: Path) -> Path:
    """Another model: a SavedModel of which no run of this root knows."""
    folder = Path(shutil.copytree(served, tmp_path / "theirs"))
    (folder / "penstock.json").unlink()
    return folder


def known(root: Path, folder: Path) -> bool:
    try:
        KnownModels(root)(folder, digest_model_folder(folder))
    except BadDataError:
        return False
    return True


def test_what_a_run_trained_and_pushed_is_known_wherever_it_lies(root, served, tmp_path) -> None:
    (trained,) = root.glob("artifacts/train/*/model/bundle")
    copy = shutil.copytree(served, tmp_path / "copy")
    assert all(known(root, folder) for folder in (trained, served, copy))


def test_the_artifacts_outlive_a_ledger_that_was_moved_away(root, served) -> None:
    (root / FILE).rename(root / "old.sqlite")
    assert known(root, served)
    shutil.rmtree(root / "artifacts")
    assert not known(root, served)
    assert not (root / FILE).exists()  # asking makes none


def test_a_push_by_hand_is_known_though_the_ledger_forgot_the_training(root, served) -> None:
    from pipeline.storage.tables import Pushed

    shutil.rmtree(root / "artifacts")
    (root / FILE).unlink()
    with Ledger(root) as ledger:
        pushed = {"version": 1, "served_path": "", "time": 0.0, "by": "", "reason": "", "rules": {}}
        ledger.record_push(Pushed(run_id="a", digest=digest_model_folder(served), **pushed))
    assert known(root, served)


def test_another_root_s_model_is_refused_with_the_way_to_trust_it(served, tmp_path) -> None:
    other = tmp_path / "other root"
    other.mkdir()
    with Ledger(other):
        pass
    digest = digest_model_folder(served)
    with pytest.raises(BadDataError, match=r"the model in .* is not trusted") as caught:
        KnownModels(other)(served, digest)
    assert digest in str(caught.value.got)
    assert "it was not loaded" in str(caught.value.follows)
    assert f"penstock trust {served} --root '{other}'" in str(caught.value.remedy)
    with pytest.raises(BadDataError) as caught:
        KnownModels(other, option="--trust FOLDER")(served, digest)
    assert f"add --trust {served}, or penstock trust" in str(caught.value.remedy)


def test_trust_is_remembered_by_digest_with_who_and_where(root, theirs, tmp_path) -> None:
    assert not known(root, theirs)
    digest, remembered = trust(theirs, root, by="ann")
    assert remembered
    trust(theirs, root, by="bob")  # who came first stays
    with Ledger(root) as ledger:
        (found,) = ledger.trusted()
    assert (found.digest, found.by, found.path) == (digest, "ann", str(theirs.resolve()))
    assert known(root, Path(shutil.copytree(theirs, tmp_path / "moved")))
    graph = theirs / "saved_model.pb"
    graph.write_bytes(graph.read_bytes() + b"\0")
    assert not known(root, theirs)


def test_without_a_root_nothing_is_remembered_or_made(theirs, tmp_path) -> None:
    digest, remembered = trust(theirs, tmp_path / "nowhere")
    assert not remembered
    assert not (tmp_path / "nowhere").exists()
    KnownModels(tmp_path / "nowhere", frozenset({digest}))(theirs, digest)


def test_a_folder_without_a_model_is_refused(root, tmp_path) -> None:
    with pytest.raises(BadDataError, match="has no model"):
        trust(tmp_path, root)
