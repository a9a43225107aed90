from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from data.files.durable_files import read_json
from pipeline import exit_codes
from pipeline.cli.main import call
from serving_export.bundle.manifest import MANIFEST


@pytest.fixture
def examples(finished_root: Path) -> Path:
    return next(finished_root.glob("artifacts/ingest/*/examples"))


@pytest.fixture
def model(finished_root: Path) -> Path:
    return finished_root / "serving" / "digits"


@pytest.fixture(scope="session")
def worse(finished_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the same data, trained for one epoch."""
    root = tmp_path_factory.mktemp("worse") / "root"
    shutil.copytree(finished_root, root)
    words = ["run", "digits", "--root", str(root), "--set", "train.epochs=3"]
    assert call([*words, "--until", "train"]) == exit_codes.DONE
    return max(root.glob("artifacts/train/*/model/bundle"), key=lambda p: p.stat().st_mtime)


def without_manifest(bundle: Path, folder: Path) -> Path:
    """The same SavedModel as if someone else had written it."""
    shutil.copytree(bundle, folder)
    for name in (MANIFEST, "push.json", "verdict.json", "model_card.json", "model_card.md"):
        (folder / name).unlink(missing_ok=True)
    return folder


@pytest.fixture
def its_root(worse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default root: its ledger alone, of the runs that made both models."""
    (root := tmp_path / "root").mkdir()
    shutil.copy(worse.parents[4] / "ledger.sqlite", root)
    monkeypatch.setenv("PENSTOCK_ROOT", str(root))
    return root


def judged(*words: object) -> int:
    return call(["gate", *map(str, words)])


def test_a_verdict_whose_bytes_changed_counts_for_nothing(root, tmp_path, capfd):
    (verdict,) = root.glob("artifacts/evaluate/*/verdict.json")
    verdict.write_text(verdict.read_text().replace('"passed"', '"failed"', 1))
    to = ["--serving", str(tmp_path / "other")]
    for words in (["gate", "latest"], ["push", "latest", *to]):
        assert call([*words, "--root", str(root)]) == exit_codes.BAD_DATA
        assert f"{verdict} has changed since it was written" in " ".join(
            capfd.readouterr().err.split()
        )
    assert not (tmp_path / "other").exists()


def test_the_verdict_of_a_run_is_printed_again_with_every_rule(finished_root, capfd):
    assert judged("latest", "--root", finished_root) == exit_codes.DONE
    out = " ".join(capfd.readouterr().out.split())
    verdict = read_json(next(finished_root.glob("artifacts/evaluate/*/verdict.json")))
    assert "PASSED" in out
    for rule in verdict["rules"]:
        assert rule["name"].split()[0] in out
    for number in verdict["code"].values():
        assert number in out
    assert judged("latest", "--root", finished_root, "--json") == exit_codes.DONE
    assert json.loads(capfd.readouterr().out) == verdict


def test_a_run_without_a_verdict_says_so(finished_digits, tmp_path, capfd):
    root = finished_digits(until_before="evaluate", at=tmp_path / "root")
    assert judged("latest", "--root", root) == exit_codes.BAD_DATA
    assert "has no verdict" in capfd.readouterr().err


def test_either_a_run_or_a_candidate(capfd):
    assert judged() == 2
    assert judged("latest", "--candidate", "somewhere") == 2
    assert judged("--candidate", "somewhere") == 2
    assert "--examples" in capfd.readouterr().err


@pytest.mark.slow
def test_two_models_are_judged_without_a_pipeline(
    its_root, model, worse, examples, tmp_path, capfd
):
    verdict = tmp_path / "verdict.json"
    words = ("--candidate", worse, "--baseline", model, "--examples", examples)
    assert judged(*words, "--recipe", "digits", "--output", verdict) == exit_codes.VERDICT_FAILED
    found = read_json(verdict)
    broken = {rule["name"] for rule in found["rules"] if rule["status"] == "failed"}
    assert "not worse than baseline overall" in broken
    assert "FAILED" in capfd.readouterr().out


@pytest.mark.slow
def test_alone_a_model_needs_a_floor(its_root, model, examples, capfd):
    alone = ("--candidate", model, "--examples", examples)
    assert judged(*alone) == exit_codes.GATE_NOT_CONFIGURED
    assert "set evaluate.thresholds" in capfd.readouterr().out
    floor = 'evaluate.thresholds=[{metric = "accuracy", at_least = 0.9}]'
    assert judged(*alone, "--set", floor) == exit_codes.DONE


@pytest.mark.slow
def test_a_model_of_others_is_loaded_only_if_trusted(
    its_root, model, worse, examples, tmp_path, capfd
):
    unmanaged = without_manifest(worse, tmp_path / "unmanaged")
    words = ("--candidate", model, "--baseline", unmanaged, "--examples", examples)
    assert judged(*words) == exit_codes.BAD_DATA
    assert f"--trust {unmanaged}" in capfd.readouterr().err
    assert judged(*words, "--trust", unmanaged, "--recipe", "digits", "--json") == exit_codes.DONE
    assert json.loads(capfd.readouterr().out)["status"] == "passed"


@pytest.mark.slow
def test_a_trusted_model_must_take_these_images(its_root, examples, tmp_path, capfd):
    import tensorflow as tf

    class Words(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "words")])
        def count(self, words):
            return {"lengths": tf.cast(tf.strings.length(words), tf.float32)}

    module = Words()
    tf.saved_model.save(module, str(tmp_path / "words"), signatures={"serving": module.count})
    words = ("--candidate", tmp_path / "words", "--examples", examples)
    assert judged(*words, "--trust", tmp_path / "words") == exit_codes.BAD_DATA
    err = capfd.readouterr().err
    assert "no signature that fits" in err
    assert "uint8 images of shape (8, 8, 1)" in err


def test_a_rule_on_what_is_not_there_stops_before_anything_is_loaded(model, examples, capfd):
    rule = 'evaluate.thresholds=[{metric = "accuracy", at_least = 0.9, on = "zerro"}]'
    words = ("--candidate", model, "--examples", examples, "--set", rule)
    assert judged(*words) == exit_codes.BAD_CONFIG
    assert "zerro" in capfd.readouterr().err
