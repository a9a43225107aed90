from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from data.errors import EnvironmentTrouble, PushRightLost
from data.files.durable_files import read_json, sha256_file, write_json
from pipeline.storage.pushes.push_right import (
    PushRight,
    get_loss_reason,
    list_pushed_versions,
    revoke,
)
from serving_export.bundle.manifest import MANIFEST

HOME = Path(__file__).parents[4]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "push_right.json"


@pytest.fixture
def served(tmp_path: Path) -> Path:
    return tmp_path / "serving" / "m" / "3"


def test_a_run_that_nobody_cancelled_pushes_and_can_be_cancelled_no_more(file, served):
    right = PushRight.begin(file)
    right.check()
    with right.held(served, "d"):
        served.mkdir(parents=True)
    assert list_pushed_versions(file) == [served]
    assert revoke(file, "it was cancelled") == [served]
    assert get_loss_reason(file) is None


def test_after_it_is_taken_nobody_pushes(file, served):
    right = PushRight.begin(file)
    assert revoke(file, "it was cancelled") == []
    assert get_loss_reason(file) == "it was cancelled"
    for use in (right.check, right.claim, right.held(served, "d").__enter__):
        with pytest.raises(PushRightLost, match="may no longer push: it was cancelled"):
            use()
    assert list_pushed_versions(file) == []
    revoke(file, "something else")
    assert get_loss_reason(file) == "it was cancelled"  # what was said first


def test_the_later_attempt_has_it(file, served):
    sent = PushRight.begin(file)
    first = sent.claim().claim()  # two steps
    second = sent.claim()  # the runner begins once more
    for stale in (first, sent):
        with pytest.raises(PushRightLost, match="taken its place"):
            stale.check()
    with pytest.raises(PushRightLost, match="taken its place"):
        first.claim()  # it is not to come before the second again with its next step
    second.check()
    again = second.claim()
    tried = second.claim()  # only this step was tried again
    with pytest.raises(PushRightLost), again.held(served, "d"):
        raise AssertionError("it was superseded")
    with tried.held(served, "d"):
        pass


def test_a_new_beginning_supersedes_all(file):
    before = PushRight.begin(file)
    PushRight.begin(file).check()
    with pytest.raises(PushRightLost):
        before.claim()


def test_the_schedules_right_is_needed_besides(file, served, tmp_path):
    schedule = tmp_path / "nightly.push_right.json"
    first = PushRight.begin(file, PushRight.begin(schedule))
    step = first.claim()
    step.check()
    second = PushRight.begin(tmp_path / "second.json", PushRight.begin(schedule))
    for use in (step.check, step.held(served, "d").__enter__):
        with pytest.raises(PushRightLost, match="taken its place"):
            use()
    with second.held(served, "d"):
        pass


def test_a_run_pushes_a_model_once_and_every_model_that_it_has(file, served):
    right = PushRight.begin(file)
    with right.held(served, "d"):
        pass
    with right.held(served, "d"):  # found there by an attempt that came to it again
        pass
    with pytest.raises(PushRightLost, match=f"already pushed {served}"):
        right.held(served.with_name("4"), "d").__enter__()
    other = served.parents[1] / "other" / "1"
    with right.held(other, "e"):
        pass
    assert set(list_pushed_versions(file)) == {served, other}


def test_a_rename_that_failed_is_no_push(file, served):
    right = PushRight.begin(file)
    with pytest.raises(OSError, match="full"), right.held(served, "d"):
        raise OSError("full")
    assert list_pushed_versions(file) == []
    with right.held(served.with_name("4"), "d"):
        pass
    assert list_pushed_versions(file) == [served.with_name("4")]


def test_a_worker_that_died_right_after_its_rename_has_pushed(file, served, make_served):
    digest = make_served(served)
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from pipeline.storage.pushes.push_right import PushRight\n"
        "with PushRight.begin(Path(sys.argv[1])).held(Path(sys.argv[2]), sys.argv[3]):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    command = [sys.executable, "-c", code, str(file), str(served), digest]
    assert subprocess.run(command, cwd=HOME).returncode == -signal.SIGKILL
    assert revoke(file, "it was cancelled") == [served]


@pytest.fixture
def make_served():
    def make(path: Path) -> str:
        path.mkdir(parents=True)
        write_json(path / MANIFEST, {"of": "a bundle"})
        return sha256_file(path / MANIFEST)

    return make


def test_a_push_at_its_last_moment_comes_first(file, served):
    """Whoever takes the right away waits until the version is visible, or gives up in words."""
    right, outcome = PushRight.begin(file), []
    thread = threading.Thread(target=lambda: outcome.append(revoke(file, "it was cancelled")))
    with right.held(served, "d"):
        with pytest.raises(EnvironmentTrouble, match="another process holds the lock") as caught:
            revoke(file, "it was cancelled", wait=0.01)
        assert "whether the model is pushed is unknown" in str(caught.value)
        thread.start()
        assert outcome == []
    thread.join()
    assert outcome == [[served]]


def test_a_push_and_a_cancel_at_once_never_both_win(tmp_path):
    for number in range(30):
        file, served = tmp_path / f"{number}.json", tmp_path / "m" / f"{number}"
        right, at_once = PushRight.begin(file), threading.Barrier(2)
        refused: list[PushRightLost] = []

        def push(right=right, served=served, at_once=at_once, refused=refused) -> None:
            at_once.wait()
            try:
                with right.held(served, "d"):
                    served.mkdir(parents=True)
            except PushRightLost as error:
                refused.append(error)

        thread = threading.Thread(target=push)
        thread.start()
        at_once.wait()
        pushed = revoke(file, "it was cancelled")
        thread.join()
        assert pushed == ([] if refused else [served])
        assert served.exists() == (not refused)


def test_without_the_file_there_is_no_right(file, served):
    right = PushRight.begin(file)
    file.unlink()
    with pytest.raises(PushRightLost, match="is missing"):
        right.held(served, "d").__enter__()


def test_another_version_s_file_is_refused(file):
    right = PushRight.begin(file)
    write_json(file, {**read_json(file), "schema_version": 99})
    with pytest.raises(PushRightLost, match="another version of Penstock"):
        right.check()
