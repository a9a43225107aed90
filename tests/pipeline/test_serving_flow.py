"""What serves, and what a candidate is held against, over several runs in one root."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from data.files.durable_files import read_json, write_json
from pipeline import exit_codes
from pipeline.cli.main import call
from pipeline.storage.ledger import Ledger
from serving_export.model_store.layout import newest_version

pytestmark = pytest.mark.usefixtures("no_pictures", "few_images_alone")
BEST_RULE = "not worse than best overall"


def run(root: Path, *settings: str) -> int:
    words = [word for setting in settings for word in ("--set", setting)]
    return call(["run", "digits", "--root", str(root), *words])


def gate(root: Path, capfd: pytest.CaptureFixture) -> dict[str, Any]:
    capfd.readouterr()
    call(["gate", "latest", "--root", str(root), "--json"])
    found: dict[str, Any] = json.loads(capfd.readouterr().out)
    return found


def failed(verdict: dict[str, Any]) -> set[str]:
    return {rule["name"] for rule in verdict["rules"] if rule["status"] == "failed"}


@pytest.fixture(scope="module")
def second_root(
    no_pictures: None, seeds_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A root in which a second model was pushed; look, do not change."""
    root = Path(shutil.copytree(seeds_root, tmp_path_factory.mktemp("second") / "root"))
    assert run(root, "seed=1") == exit_codes.DONE
    return root


@pytest.fixture
def root_of_two(second_root: Path, tmp_path: Path) -> Path:
    """A copy of `second_root`, to be changed."""
    return Path(shutil.copytree(second_root, tmp_path / "root"))


@pytest.mark.slow
def test_the_next_model_is_held_against_the_one_that_serves(finished_root, root_of_two, capfd):
    first, root = gate(finished_root, capfd), root_of_two
    assert first["baseline"] is None
    second = gate(root, capfd)
    assert second["baseline"]["digest"] == first["model"]["digest"]
    assert second["baseline"]["version"] == 1
    assert second["metrics"]["baseline"] == first["metrics"]["candidate"]
    assert newest_version(root / "serving" / "digits") == 2

    # It serves: nothing is judged again, though what serves is another now.
    assert run(root, "seed=1") == exit_codes.DONE
    assert "everything is up to date" in capfd.readouterr().out

    # The first was replaced; only a person brings it back.
    assert run(root) == exit_codes.VERDICT_FAILED
    replaced = gate(root, capfd)
    assert failed(replaced) == {"not replaced"}
    assert newest_version(root / "serving" / "digits") == 2
    by_hand = ["push", "latest", "--root", str(root), "--override", "not replaced"]
    assert call(by_hand) == exit_codes.BAD_CONFIG  # no reason is given
    assert call([*by_hand, "--reason", "it was better", "--by", "ana"]) == exit_codes.DONE
    assert newest_version(root / "serving" / "digits") == 3
    record = read_json(root / "serving" / "digits" / "3" / "push.json")
    assert (record["by"], record["reason"]) == ("ana", "it was better")
    assert record["override"] == ["not replaced"]
    assert record["digest"] == first["model"]["digest"]
    beside = read_json(root / "serving" / "digits" / "3" / "verdict.json")
    assert beside["override"]["rules"] == ["not replaced"]
    assert gate(root, capfd)["override"]["by"] == "ana"
    with Ledger.existing(root) as ledger:
        (pushed,) = ledger.pushes(first["model"]["digest"])
    assert (pushed.version, pushed.reason) == (3, "it was better")

    # It serves again, by hand: the next run has nothing to do, and no alarm to raise.
    assert run(root) == exit_codes.DONE
    assert "pushed by hand" in capfd.readouterr().out


@pytest.mark.slow
def test_a_deleted_serving_folder_makes_the_push_due(root, capfd):
    shutil.rmtree(root / "serving")
    assert run(root) == exit_codes.DONE
    assert newest_version(root / "serving" / "digits") == 1
    assert "everything is up to date" not in capfd.readouterr().out


@pytest.mark.slow
def test_a_model_that_serves_and_is_damaged_fails_one_rule_only(root_of_seeds, capfd):
    root = root_of_seeds
    served = root / "serving" / "digits" / "1" / "saved_model.pb"
    content = bytearray(served.read_bytes())
    content[100] ^= 1
    served.write_bytes(content)
    assert run(root, "seed=1") == exit_codes.VERDICT_FAILED
    verdict = gate(root, capfd)
    assert failed(verdict) == {"baseline comparable", BEST_RULE}
    assert "saved_model.pb" in " ".join(verdict["reasons"])
    push = ["push", "latest", "--root", str(root), "--reason", "the disk had a fault"]
    assert call([*push, "--override", "baseline comparable"]) == exit_codes.BAD_CONFIG
    assert BEST_RULE in capfd.readouterr().err
    assert call([*push, "--override", "all"]) == exit_codes.DONE
    assert newest_version(root / "serving" / "digits") == 2
    record = read_json(root / "serving" / "digits" / "2" / "push.json")
    assert (record["resets_best"], record["best_so_far"]["version"]) == (True, 2)

    # From there on it is what others are held against, and the damaged one is out of the way.
    assert run(root, "seed=2") == exit_codes.DONE
    assert gate(root, capfd)["best"]["version"] == 2


@pytest.mark.slow
def test_a_best_that_is_put_back_whole_is_asked_again(root_of_two, capfd):
    """The verdict on the damaged one was cached: what lies outside the root was not looked at."""
    root = root_of_two
    served = root / "serving" / "digits" / "1" / "saved_model.pb"
    content = served.read_bytes()
    served.write_bytes(content[::-1])
    best = read_json(root / "serving" / "digits" / "2" / "push.json")["best_so_far"]["version"]
    assert best == 1, "choose seeds of which the first is the better"
    for _ in range(2):
        assert run(root, "seed=2") == exit_codes.VERDICT_FAILED
        assert failed(gate(root, capfd)) == {BEST_RULE}
    assert "train" in [path.name for path in (root / "artifacts").iterdir()]
    served.write_bytes(content)
    assert run(root, "seed=2") == exit_codes.DONE
    assert newest_version(root / "serving" / "digits") == 3


@pytest.mark.slow
def test_the_same_training_again_is_up_to_date(root, capfd):
    """Saved again, equal weights have another digest; the twin was pushed as version 2."""
    (first,) = (root / "artifacts" / "train").glob("*/model/bundle/penstock.json")
    before = read_json(first)
    shutil.rmtree(root / "artifacts" / "train")  # which is safe: what is missing is made again
    for made in (True, False):
        capfd.readouterr()
        assert run(root) == exit_codes.DONE
        assert ("everything is up to date" in capfd.readouterr().out) != made
        assert newest_version(root / "serving" / "digits") == 1
    after = read_json(first)
    assert after["model_digest"] == before["model_digest"]
    assert after["files"] != before["files"], (
        "TensorFlow saves deterministically: drop model_digest"
    )
    assert gate(root, capfd)["status"] == "passed"
    # What serves is known though its place in the root was taken.
    assert call(["predict", "digits", "--index", "0", "--root", str(root)]) == exit_codes.DONE
    # Another training is no twin of it, nor is a twin of what was replaced a new model.
    assert run(root, "seed=1") == exit_codes.DONE
    assert newest_version(root / "serving" / "digits") == 2
    shutil.rmtree(root / "artifacts" / "train")
    assert run(root) == exit_codes.VERDICT_FAILED
    assert failed(gate(root, capfd)) == {"not replaced"}


@pytest.mark.slow
def test_fewer_and_fewer_epochs_end_at_the_best_version_ever_pushed(root, capfd):
    """Each training a bit worse than the one before it: none was blocked, by any rule."""
    for epochs in (12, 6, 3):
        code = run(root, LOW, PAIRED_WITH_BEST, f"train.epochs={epochs}")
    assert code == exit_codes.VERDICT_FAILED
    verdict = gate(root, capfd)
    assert failed(verdict) == {BEST_RULE}
    assert verdict["best"]["version"] == 1
    served = root / "serving" / "digits"
    reset = ["push", "latest", "--root", str(root), "--override", BEST_RULE, "--reason", "so be it"]
    assert call(reset) == exit_codes.DONE
    newest = read_json(served / str(newest_version(served)) / "push.json")
    assert newest["best_so_far"]["version"] == newest["version"]
    assert call(["serving", str(served)]) == exit_codes.DONE
    assert "serving, best" in capfd.readouterr().out


@pytest.mark.slow
def test_an_override_of_another_rule_does_not_go_past_a_best_that_came_since(root_of_two, capfd):
    root = root_of_two
    assert run(root, "seed=2", STRICTER) == exit_codes.VERDICT_FAILED
    old = gate(root, capfd)
    served = root / "serving" / "digits"
    better = served / "2" / "push.json"
    record = read_json(better)
    record["best_so_far"] = {
        "version": 2,
        "digest": record["digest"],
        "accuracy": 1.0,
        "examples": 391,
    }
    assert old["best"]["digest"] != record["digest"]
    write_json(better, record)  # as if version 2 had been judged better meanwhile
    push = [
        "push",
        "latest",
        "--root",
        str(root),
        "--override",
        "accuracy overall",
        "--reason",
        "x",
    ]
    assert call(push) == exit_codes.STEP_FAILED
    assert "the best version in" in capfd.readouterr().err
    assert newest_version(served) == 2


@pytest.mark.slow
def test_after_a_rollback_the_next_gate_compares_with_what_then_serves(
    finished_root, root_of_two, capfd
):
    first, root = gate(finished_root, capfd)["model"]["digest"], root_of_two
    assert call(["rollback", str(root / "serving" / "digits")]) == exit_codes.DONE
    assert newest_version(root / "serving" / "digits") == 3
    assert run(root, "seed=2") == exit_codes.DONE
    verdict = gate(root, capfd)
    assert verdict["baseline"]["digest"] == first
    assert verdict["baseline"]["version"] == 3
    assert verdict["best"]["digest"] == first  # what was rolled back is no example to follow
    assert run(root, "seed=1") == exit_codes.VERDICT_FAILED
    assert failed(gate(root, capfd)) == {"not replaced"}


STRICTER = 'evaluate.thresholds=[{metric = "accuracy", at_least = 0.9999}]'
STRICTEST = 'evaluate.thresholds=[{metric = "accuracy", at_least = 1.0}]'
NO_RULE = "evaluate.thresholds=[]"
PAIRED = "evaluate.paired=[]"
LOW = 'evaluate.thresholds=[{metric = "accuracy", at_least = 0.5}]'
PAIRED_WITH_BEST = 'evaluate.paired=[{margin = 0.01, against = "best"}]'


@pytest.mark.slow
def test_only_an_override_of_the_same_rules_makes_a_bad_verdict_no_alarm(root, capfd):
    """By (what serves, the verdict): the exit code, and whether a push by hand is spoken of."""

    def outcome(*settings: str) -> tuple[int, bool]:
        capfd.readouterr()
        code = run(root, PAIRED, *settings)
        said = capfd.readouterr().out
        assert ("pushed under other rules" in said) == (code != exit_codes.DONE)
        return code, "pushed by hand" in said

    def push(*rules: str) -> None:
        words = [word for rule in rules for word in ("--override", rule)]
        assert call(["push", "latest", "--root", str(root), *words, "--reason", "I know"]) == 0

    # The gate pushed it, under the recipe's floors; asked twice, made and then reused.
    for _ in range(2):
        assert outcome(STRICTER) == (exit_codes.VERDICT_FAILED, False)
        assert outcome(NO_RULE) == (exit_codes.GATE_NOT_CONFIGURED, False)
    assert outcome() == (exit_codes.DONE, False)

    # A person pushed it against this very floor: a higher one is another rule.
    assert outcome(STRICTER)[0] == exit_codes.VERDICT_FAILED
    push("accuracy overall")
    for _ in range(2):
        assert outcome(STRICTER) == (exit_codes.DONE, True)
        assert outcome(STRICTEST) == (exit_codes.VERDICT_FAILED, False)
        assert outcome(NO_RULE) == (exit_codes.GATE_NOT_CONFIGURED, False)
    push("not configured")
    for settings, code in ((NO_RULE, 0), (STRICTER, 0), (STRICTEST, exit_codes.VERDICT_FAILED)):
        assert outcome(settings) == (code, code == exit_codes.DONE)


def test_a_rule_on_a_class_that_is_not_there_fails_before_the_training(root, tmp_path, capfd):
    rule = 'evaluate.thresholds=[{metric = "accuracy", at_least = 0.9, on = "zerro"}]'
    assert run(root, rule) == exit_codes.BAD_CONFIG  # the examples are there already
    assert "zerro" in capfd.readouterr().err
    assert run(tmp_path / "new", rule) == exit_codes.BAD_CONFIG  # its source names its classes
    err = capfd.readouterr().err
    assert "zerro" in err
    assert not (tmp_path / "new" / "artifacts" / "ingest").exists()
