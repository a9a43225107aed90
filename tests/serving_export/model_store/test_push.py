from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections import UserDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from data.base.waits import SECONDS
from data.errors import BadDataError, ConfigError, EnvironmentTrouble, PushRightLost, StepError
from data.files.documents import add_schema_number
from data.files.durable_files import read_json
from serving_export.bundle.manifest import verify_bundle, verify_version
from serving_export.model_store.layout import (
    identify_serving_version,
    model_folder,
    newest_version,
    next_version,
    version_folder,
    version_numbers,
)
from serving_export.model_store.push import push

Make = Callable[..., tuple[Path, str]]


@pytest.fixture
def candidate(tmp_path: Path, make_bundle: Make) -> tuple[Path, str]:
    return make_bundle(tmp_path / "candidate")


@pytest.fixture
def serving(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "serving"


def visible(folder: Path) -> set[str]:
    """What is there besides the lock's file."""
    return {entry.name for entry in folder.iterdir()} - {".push.lock"}


def test_first_version_is_1_and_holds_the_very_bytes(
    candidate: tuple[Path, str], serving: Path
) -> None:
    record = {"run": "r1", "time": 12.5}
    version, path = push(candidate[0], serving, "m", digest=candidate[1], record=record)
    assert (version, path) == (1, serving / "m" / "1")
    assert verify_bundle(path, candidate[1]) == verify_version(path) == candidate[1]
    told = read_json(path / "push.json")
    best = {"version": 1, "digest": candidate[1], "accuracy": None, "examples": None}
    assert told.pop("best_so_far") == best
    known = {"version": 1, "digest": candidate[1], "files": {}, "resets_best": False}
    assert told == add_schema_number("push.json", {**record, **known})
    assert visible(serving / "m") == {"1"}


def test_the_same_bundle_is_pushed_once_and_another_gets_the_next(
    candidate: tuple[Path, str], serving: Path, tmp_path: Path, make_bundle: Make
) -> None:
    assert push(candidate[0], serving, "m", record={})[0] == 1
    assert push(candidate[0], serving, "m", record={})[0] == 1
    other, _ = make_bundle(tmp_path / "other", b"another graph")
    assert push(other, serving, "m", record={})[0] == 2
    # going back is a push as well: the newest is what is served
    assert push(candidate[0], serving, "m", record={})[0] == 3
    assert push(serving / "m" / "2", serving, "m", record={})[0] == 4
    assert version_numbers(serving / "m") == [1, 2, 3, 4]


def test_a_damaged_served_version_is_replaced_by_a_whole_one(
    candidate: tuple[Path, str], serving: Path
) -> None:
    _, path = push(candidate[0], serving, "m", record={})
    (path / "saved_model.pb").write_bytes(b"grapf")
    assert push(candidate[0], serving, "m", record={})[0] == 2


def test_a_flipped_bit_is_not_pushed(candidate: tuple[Path, str], serving: Path) -> None:
    (candidate[0] / "saved_model.pb").write_bytes(b"grapi")
    with pytest.raises(BadDataError, match=r"saved_model\.pb"):
        push(candidate[0], serving, "m", record={})
    assert not serving.exists()


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "a/b", "/etc", "a\\b", "a b", "ä", "m\n"]
)
def test_a_name_that_could_lead_elsewhere_is_refused(
    candidate: tuple[Path, str], serving: Path, name: str
) -> None:
    with pytest.raises(ConfigError, match="invalid model name"):
        push(candidate[0], serving, name, record={})
    assert not serving.exists()


@given(name=st.text(max_size=20))
def test_a_model_lies_directly_in_the_serving_directory(name: str) -> None:
    serving = Path("/srv/models")
    try:
        folder = model_folder(serving, name)
    except ConfigError:
        return
    assert folder.resolve().parent == serving
    assert not folder.name.startswith(".")


def test_the_next_version_is_above_whatever_reads_as_a_number(tmp_path: Path) -> None:
    for name in ("3", "007", "tmp", ".staging-9", "-12", "1.5", "²"):
        (tmp_path / name).mkdir()
    (tmp_path / "11").write_bytes(b"a file")
    assert version_numbers(tmp_path) == [3, 7]  # TensorFlow Serving reads 007 as 7
    assert newest_version(tmp_path) == 7
    assert version_folder(tmp_path, 7) == tmp_path / "007"
    assert version_folder(tmp_path, 3) == tmp_path / "3"
    assert next_version(tmp_path) == 12
    assert version_numbers(tmp_path / "nowhere") == []
    assert newest_version(tmp_path / "nowhere") is None


KILLED_AT_THE_RENAME = """
import os, signal, sys
from pathlib import Path
from serving_export.model_store.push import push
def strike(event, args):
    if event == "os.rename" and ".staging-" in str(args[0]) and not str(args[1]).endswith(".json"):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(strike)
push(Path(sys.argv[1]), Path(sys.argv[2]), "m", record={})
"""


def test_what_a_killed_push_left_is_swept_and_the_next_works(
    candidate: tuple[Path, str], serving: Path
) -> None:
    command = [sys.executable, "-c", KILLED_AT_THE_RENAME, str(candidate[0]), str(serving)]
    done = subprocess.run(command, cwd=Path(__file__).parents[3])
    assert done.returncode == -signal.SIGKILL
    assert [name[:9] for name in visible(serving / "m")] == [".staging-"]
    assert version_numbers(serving / "m") == []
    assert push(candidate[0], serving, "m", record={})[0] == 1
    assert visible(serving / "m") == {"1"}


def test_pushes_at_once_take_turns(serving: Path, tmp_path: Path, make_bundle: Make) -> None:
    bundles = [make_bundle(tmp_path / f"b{i}", b"graph %d" % i)[0] for i in range(6)]
    with ThreadPoolExecutor(6) as pool:
        pushed = list(pool.map(lambda b: push(b, serving, "m", record={})[0], bundles))
    assert sorted(pushed) == [1, 2, 3, 4, 5, 6]
    for bundle, version in zip(bundles, pushed, strict=True):
        assert verify_bundle(serving / "m" / str(version)) == verify_bundle(bundle)
    assert visible(serving / "m") == set("123456")


def test_processes_that_push_the_same_at_once_make_one_version(
    candidate: tuple[Path, str], serving: Path
) -> None:
    code = (
        "import sys; from pathlib import Path; from serving_export.model_store.push import push; "
        "print(push(Path(sys.argv[1]), Path(sys.argv[2]), 'm', record={})[0])"
    )
    command = [sys.executable, "-c", code, str(candidate[0]), str(serving)]
    running = [
        subprocess.Popen(command, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert {process.communicate()[0] for process in running} == {"1\n"}
    assert visible(serving / "m") == {"1"}


def test_what_lies_beside_is_listed_and_vouched_for(
    candidate: tuple[Path, str], serving: Path
) -> None:
    beside = {"verdict.json": b"{}", "model_card.md": b"# A card"}
    _, path = push(candidate[0], serving, "m", record={}, files=beside)
    for name, content in beside.items():
        assert (path / name).read_bytes() == content
        assert read_json(path / "push.json")["files"][name] == sha256(content).hexdigest()
    assert verify_bundle(path) == verify_version(path, candidate[1]) == candidate[1]


@pytest.mark.parametrize("what", ["changed", "missing", "added", "another model's record"])
def test_what_changed_beside_is_told(
    candidate: tuple[Path, str], serving: Path, tmp_path: Path, make_bundle: Make, what: str
) -> None:
    _, path = push(candidate[0], serving, "m", record={}, files={"verdict.json": b"{}"})
    if what == "changed":
        (path / "verdict.json").write_bytes(b"{ }")
    elif what == "missing":
        (path / "verdict.json").unlink()
    elif what == "added":
        (path / "model_card.md").write_bytes(b"")
    else:
        other, _ = make_bundle(tmp_path / "other", b"another graph")
        _, path = push(other, serving, "m", record={})
        (path / "push.json").write_bytes((serving / "m" / "1" / "push.json").read_bytes())
        (path / "verdict.json").write_bytes(b"{}")
    verify_bundle(path)
    with pytest.raises(BadDataError, match=r"verdict\.json|model_card\.md|push\.json"):
        verify_version(path)


@pytest.mark.parametrize("name", ["push.json", "saved_model.pb", "../out", "notes.txt", ""])
def test_only_known_files_are_laid_beside(
    candidate: tuple[Path, str], serving: Path, name: str
) -> None:
    with pytest.raises(ConfigError, match="invalid names of files") as caught:
        push(candidate[0], serving, "m", record={}, files={name: b""})
    assert "model_card.json, model_card.md, verdict.json" in str(caught.value)
    assert not serving.exists()


def test_only_what_the_manifest_names_is_copied(candidate: tuple[Path, str], serving: Path) -> None:
    (candidate[0] / "push.json").write_text("of another push")
    (candidate[0] / "verdict.json").write_text("of another push")
    _, path = push(candidate[0], serving, "m", record={})
    files = {p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()}
    assert files == {
        "penstock.json",
        "push.json",
        "saved_model.pb",
        "variables/variables.index",
    }


def test_nothing_is_pushed_where_another_model_serves_than_the_one_judged_against(
    candidate: tuple[Path, str], serving: Path, tmp_path: Path, make_bundle: Make
) -> None:
    other, others = make_bundle(tmp_path / "other", b"another graph")
    with pytest.raises(StepError, match=r"the serving model in .* changed") as caught:
        push(other, serving, "m", record={}, expected_serving=candidate[1])
    assert (caught.value.expected, caught.value.got) == (candidate[1], "none")
    assert push(candidate[0], serving, "m", record={}, expected_serving=None)[0] == 1
    with pytest.raises(StepError) as caught:
        push(other, serving, "m", record={}, expected_serving=None)
    assert (caught.value.expected, caught.value.got) == ("none", candidate[1])
    assert caught.value.follows == "nothing was pushed"
    assert "run again" in str(caught.value)
    assert visible(serving / "m") == {"1"}
    assert push(other, serving, "m", record={}, expected_serving=candidate[1])[0] == 2
    # what serves already is up to date, whatever it was judged against
    assert push(other, serving, "m", record={}, expected_serving=candidate[1])[0] == 2
    (serving / "m" / "7").mkdir()
    assert push(candidate[0], serving, "m", record={}, expected_serving="unmanaged:7")[0] == 8
    assert identify_serving_version(serving / "m") == candidate[1] != others


def test_what_appears_while_a_push_works_is_seen_before_its_rename(
    candidate: tuple[Path, str], serving: Path
) -> None:
    """Somebody without our lock: copied by hand."""

    def somebody(done: int, total: object, what: str) -> None:
        assert what == "pushing m"
        (serving / "m" / "4").mkdir()

    with pytest.raises(StepError, match=r"the serving model in .* changed"):
        push(candidate[0], serving, "m", record={}, expected_serving=None, progress=somebody)
    assert visible(serving / "m") == {"4"}


class Record(UserDict):
    """A push's record that is read out after the copy is made, and lets something happen then."""

    def __init__(self, happens: Callable[[], object]) -> None:
        super().__init__()
        self._happens = happens

    def keys(self):
        self._happens()
        return super().keys()


def test_where_another_model_serves_nothing_is_copied_first(
    candidate: tuple[Path, str], serving: Path
) -> None:
    copied: list[bool] = []
    record = Record(lambda: copied.append(True))
    with pytest.raises(StepError, match=r"the serving model in .* changed"):
        push(candidate[0], serving, "m", record=record, expected_serving="d" * 64)
    assert not copied


def test_what_appears_after_the_copy_is_seen_before_the_rename(
    candidate: tuple[Path, str], serving: Path
) -> None:
    record = Record(lambda: (serving / "m" / "4").mkdir())
    with pytest.raises(StepError, match=r"the serving model in .* changed") as caught:
        push(candidate[0], serving, "m", record=record, expected_serving=None)
    assert caught.value.got == "unmanaged:4"
    assert visible(serving / "m") == {"4"}


@pytest.mark.parametrize("name", ["saved_model.pb", "penstock.json", "verdict.json"])
def test_a_copy_that_is_not_what_was_copied_is_not_pushed(
    candidate: tuple[Path, str], serving: Path, name: str
) -> None:
    """A disk that gives back other bytes than it took."""

    def flip() -> None:
        (staging,) = (serving / "m").glob(".staging-*")
        (staging / name).write_bytes((staging / name).read_bytes() + b" ")

    with pytest.raises(BadDataError, match=name.replace(".", r"\.") + "|not the expected model"):
        push(candidate[0], serving, "m", record=Record(flip), files={"verdict.json": b"{}"})
    assert visible(serving / "m") == set()


def test_whoever_must_be_asked_is_asked_over_the_rename(
    candidate: tuple[Path, str], serving: Path
) -> None:
    seen: list[tuple[Path, str, set[str]]] = []

    @contextmanager
    def held(served: Path, digest: str) -> Iterator[None]:
        seen.append((served, digest, visible(serving / "m")))
        yield
        seen.append((served, digest, visible(serving / "m")))

    target = serving / "m" / "1"
    assert push(candidate[0], serving, "m", record={}, guard=held)[0] == 1
    (_, _, before), after = seen
    assert [name[:9] for name in before] == [".staging-"]
    assert after == (target, candidate[1], {"1"})
    assert push(candidate[0], serving, "m", record={}, guard=held)[0] == 1  # it serves already
    assert seen[2:] == [(target, candidate[1], {"1"})] * 2


def test_whoever_is_asked_may_forbid_it(candidate: tuple[Path, str], serving: Path) -> None:
    @contextmanager
    def held(served: Path, digest: str) -> Iterator[None]:
        raise PushRightLost("the run was cancelled")
        yield

    with pytest.raises(PushRightLost):
        push(candidate[0], serving, "m", record={}, guard=held)
    assert visible(serving / "m") == set()
    push(candidate[0], serving, "m", record={})
    with pytest.raises(PushRightLost):
        push(candidate[0], serving, "m", record={}, guard=held)


def test_clocks_set_back_do_not_matter(
    serving: Path, tmp_path: Path, make_bundle: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, seconds in enumerate([1e9, 1e9, 5.0, -1.0], start=1):
        monkeypatch.setattr(time, "time", lambda seconds=seconds: seconds)
        bundle, _ = make_bundle(tmp_path / f"b{number}", b"graph %d" % number)
        version, path = push(bundle, serving, "m", record={})
        assert (version, read_json(path / "push.json")["time"]) == (number, seconds)


def test_a_push_that_waits_in_vain_says_for_what(
    candidate: tuple[Path, str], serving: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (serving / "m").mkdir(parents=True)
    monkeypatch.setitem(SECONDS, "PUSH", 0.01)
    seen: list[str] = []
    with (
        FileLock(serving / "m" / ".push.lock"),
        pytest.raises(EnvironmentTrouble, match="does not finish") as caught,
    ):
        push(candidate[0], serving, "m", record={}, progress=lambda *s: seen.append(s[2]))
    assert ".push.lock" in str(caught.value)
    assert seen == ["waiting for another push to finish"]
    assert push(candidate[0], serving, "m", record={})[0] == 1


def test_the_second_of_two_pushes_says_after_its_wait_why_not(
    candidate: tuple[Path, str], serving: Path, tmp_path: Path, make_bundle: Make
) -> None:
    """Both were judged when nothing served; the second waits until the first is done."""
    other, _ = make_bundle(tmp_path / "other", b"another graph")
    waits, refused = threading.Event(), []

    def second() -> None:
        try:
            push(
                other,
                serving,
                "m",
                record={},
                expected_serving=None,
                progress=lambda *_: waits.set(),
            )
        except StepError as error:
            refused.append(error)

    def first(*_: object) -> None:  # holds the lock
        thread.start()
        assert waits.wait(600)

    thread = threading.Thread(target=second)
    assert (
        push(candidate[0], serving, "m", record={}, expected_serving=None, progress=first)[0] == 1
    )
    thread.join()
    assert refused[0].got == candidate[1]
    assert visible(serving / "m") == {"1"}


def test_no_version_is_counted_beyond_what_tensorflow_serving_reads(tmp_path: Path) -> None:
    (tmp_path / f"{2**63}").mkdir()
    (tmp_path / "5").mkdir()
    assert (version_numbers(tmp_path), next_version(tmp_path)) == ([5], 6)
    (tmp_path / f"{2**63 - 1}").mkdir()
    with pytest.raises(EnvironmentTrouble, match="has the highest possible version number"):
        next_version(tmp_path)
