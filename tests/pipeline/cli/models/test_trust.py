"""A SavedModel whose signatures write a file, with a manifest that its maker wrote."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evil_models import write_evil
from PIL import Image

from data.files.durable_files import read_json
from pipeline import exit_codes
from pipeline.cli.main import call
from pipeline.storage.ledger import Ledger
from serving_export.bundle.manifest import read_manifest, verify_bundle
from serving_export.model_store.layout import newest_version

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """What the model writes when it is asked anything."""
    return tmp_path / "I was run"


@pytest.fixture
def evil(finished_root: Path, written: Path, tmp_path: Path) -> Path:
    spec = read_manifest(finished_root / "serving" / "digits" / "1").spec
    folder = write_evil(tmp_path / "evil", spec, written)
    verify_bundle(folder)  # it is whole
    return folder


@pytest.fixture
def image(tmp_path: Path) -> Path:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "seven.png")
    return tmp_path / "seven.png"


def penstock(*words: object) -> int:
    return call([*map(str, words)])


def last_verdict(root: Path, capfd: pytest.CaptureFixture) -> dict[str, Any]:
    capfd.readouterr()
    penstock("gate", "latest", "--root", root, "--json")
    found: dict[str, Any] = json.loads(capfd.readouterr().out)
    return found


def failed(verdict: dict[str, Any]) -> set[str]:
    return {rule["name"] for rule in verdict["rules"] if rule["status"] == "failed"}


@pytest.mark.slow
def test_predict_asks_once_whether_a_model_is_trusted(
    root, evil, written, image, tmp_path, monkeypatch, capfd
) -> None:
    words = ("predict", evil, image, "--root", root)
    assert penstock(*words) == exit_codes.BAD_DATA
    err = capfd.readouterr().err
    assert "is not trusted" in err
    assert "add --trust, or penstock trust" in err
    assert not written.exists()

    assert penstock(*words, "--trust") == exit_codes.DONE
    assert written.exists()
    assert f"recorded in {root}" in capfd.readouterr().err
    (elsewhere := tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(elsewhere)
    moved = evil.rename(tmp_path / "moved")
    assert penstock("predict", moved, image, "--root", root) == exit_codes.DONE

    (moved / "assets").mkdir(exist_ok=True)
    (moved / "assets" / "more").write_bytes(b"")
    (moved / "penstock.json").unlink()
    assert penstock("predict", moved, image, "--root", root) == exit_codes.BAD_DATA


@pytest.mark.slow
def test_what_this_root_pushed_is_vouched_for_wherever_it_lies(
    finished_root, image, tmp_path, monkeypatch, capfd
) -> None:
    copy = shutil.copytree(finished_root / "serving" / "digits" / "1", tmp_path / "copy")
    monkeypatch.chdir(tmp_path)
    assert penstock("predict", copy, image, "--root", finished_root) == exit_codes.DONE
    assert (
        penstock("predict", copy, image) == exit_codes.BAD_DATA
    )  # of .penstock, which is not there
    capfd.readouterr()
    assert penstock("predict", copy, image, "--trust") == exit_codes.DONE
    assert "this time only: no run in .penstock yet" in capfd.readouterr().err
    assert not (tmp_path / ".penstock").exists()


@pytest.mark.slow
def test_gate_asks_once_whether_a_model_is_trusted(root, evil, written, capfd) -> None:
    examples = next(root.glob("artifacts/ingest/*/examples"))
    model = root / "serving" / "digits"
    words = ("gate", "--examples", examples, "--recipe", "digits", "--root", root)
    for models in (("--candidate", evil), ("--candidate", model, "--baseline", evil)):
        assert penstock(*words, *models) == exit_codes.BAD_DATA
        assert f"add --trust {evil}, or penstock trust {evil}" in capfd.readouterr().err
    assert penstock(*words, "--candidate", model, "--trust", evil) == exit_codes.BAD_CONFIG
    assert "is neither the candidate nor the baseline" in capfd.readouterr().err
    assert not written.exists()

    judged = (*words, "--candidate", evil)
    assert penstock(*judged, "--trust", evil) == exit_codes.VERDICT_FAILED
    assert written.exists()
    assert penstock(*judged) == exit_codes.VERDICT_FAILED


@pytest.mark.slow
def test_what_somebody_else_put_into_serving_is_not_loaded(
    root_of_seeds, evil, written, capfd
) -> None:
    """Nor is it what a candidate is compared with: the rule fails, and says what to do."""
    root = root_of_seeds
    served = root / "serving" / "digits" / "2"
    shutil.copytree(evil, served)
    run = ("run", "digits", "--root", root, "--set", "seed=1")
    assert penstock(*run) == exit_codes.VERDICT_FAILED
    verdict = last_verdict(root, capfd)
    assert failed(verdict) == {"baseline comparable"}
    assert f"penstock trust {served} --root {root}" in " ".join(verdict["reasons"])
    assert not written.exists()
    assert newest_version(root / "serving" / "digits") == 2

    # A person decides; the model is judged again, with a baseline of 10 %.
    assert penstock("trust", served, "--root", root) == exit_codes.DONE
    assert penstock(*run) == exit_codes.DONE
    assert written.exists()
    baseline = last_verdict(root, capfd)["metrics"]["baseline"]["overall"]
    assert baseline["accuracy"] < 0.2
    assert newest_version(root / "serving" / "digits") == 3


@pytest.mark.slow
def test_a_version_that_was_altered_with_its_manifest_is_not_loaded(
    root_of_seeds, evil, written, capfd
):
    """The whole folder of the version that this root pushed holds another model."""
    root = root_of_seeds
    served = root / "serving" / "digits" / "1"
    shutil.rmtree(served)
    shutil.copytree(evil, served)
    run = ("run", "digits", "--root", root, "--set", "seed=1")
    assert penstock(*run) == exit_codes.VERDICT_FAILED
    assert failed(last_verdict(root, capfd)) == {"baseline comparable"}
    assert penstock(*run, "--set", "train.warm_start=serving") == exit_codes.BAD_DATA
    assert "is not trusted" in capfd.readouterr().err
    assert not written.exists()


@pytest.mark.slow
def test_nothing_is_trained_from_a_model_that_nobody_vouches_for(root, evil, written, capfd):
    before = set(root.glob("artifacts/train/*"))
    run = ("run", "digits", "--root", root, "--until", "train", "--set", "train.epochs=1")
    warm = (*run, "--set", f"train.warm_start={evil}")
    assert penstock(*warm) == exit_codes.BAD_DATA
    assert f"penstock trust {evil} --root {root}" in capfd.readouterr().err
    assert set(root.glob("artifacts/train/*")) == before
    assert not written.exists()
    for named in ("serving", "run:latest", root / "serving" / "digits"):
        assert penstock(*run, "--set", f"train.warm_start={named}") == exit_codes.DONE


@pytest.mark.slow
def test_a_new_root_does_not_know_what_an_old_one_pushed(finished_root, root, tmp_path, capfd):
    """Nor do two roots that push into one serving folder know one another's models."""
    serving, fresh = root / "serving", tmp_path / "fresh"
    run = ("run", "digits", "--root", fresh, "--serving", serving, "--set", "seed=1")
    assert penstock(*run) == exit_codes.VERDICT_FAILED
    best = "not worse than best overall"  # the same version
    assert failed(last_verdict(fresh, capfd)) == {"baseline comparable", best}
    assert newest_version(serving / "digits") == 1
    assert penstock("trust", serving / "digits", "--root", fresh) == exit_codes.DONE
    assert penstock(*run) == exit_codes.DONE
    assert newest_version(serving / "digits") == 2


def test_trust_lists_who_trusted_what_and_makes_a_root_for_it(evil, tmp_path, capfd) -> None:
    new = tmp_path / "new" / "root"
    assert penstock("trust", "--root", new) == exit_codes.BAD_CONFIG
    assert penstock("trust", evil, "--root", new) == exit_codes.DONE
    capfd.readouterr()
    assert penstock("trust", "--root", new) == exit_codes.DONE
    assert str(evil) in capfd.readouterr().out
    with Ledger(new) as ledger:
        (known,) = ledger.trusted()
    assert known.digest == verify_bundle(evil)
    assert read_json(evil / "penstock.json")["files"]
    assert penstock("trust", tmp_path / "nothing", "--root", new) == exit_codes.BAD_DATA
