from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.durable import read_json
from data.errors import BadDataError, ConfigError, EnvironmentTrouble
from data.spec import ImageSpec
from serving_export.manifest import verify_bundle, write_manifest
from serving_export.push import push
from serving_export.versions import model_folder, newest_version, next_version, versions

SPEC = ImageSpec(height=2, width=3, channels=1, class_names=("a", "b"))


def make_bundle(path: Path, content: bytes = b"graph") -> tuple[Path, str]:
    """A folder with a manifest; a push does not look into the files."""
    (path / "variables").mkdir(parents=True)
    (path / "saved_model.pb").write_bytes(content)
    (path / "variables" / "variables.index").write_bytes(b"index")
    return path, write_manifest(path, SPEC, {})


@pytest.fixture
def candidate(tmp_path: Path) -> tuple[Path, str]:
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
    version, path = push(candidate[0], serving, "m", digest=candidate[1], record={"run": "r1"})
    assert (version, path) == (1, serving / "m" / "1")
    assert verify_bundle(path, candidate[1]) == candidate[1]
    record = read_json(path / "push.json")
    assert record == {"run": "r1", "version": 1, "digest": candidate[1]}
    assert visible(serving / "m") == {"1"}


def test_the_same_bundle_is_pushed_once_and_another_gets_the_next(
    candidate: tuple[Path, str], serving: Path, tmp_path: Path
) -> None:
    assert push(candidate[0], serving, "m", record={})[0] == 1
    assert push(candidate[0], serving, "m", record={})[0] == 1
    other, _ = make_bundle(tmp_path / "other", b"another graph")
    assert push(other, serving, "m", record={})[0] == 2
    # going back is a push as well: the newest is what is served
    assert push(candidate[0], serving, "m", record={})[0] == 3
    assert push(serving / "m" / "2", serving, "m", record={})[0] == 4
    assert versions(serving / "m") == [1, 2, 3, 4]


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
    with pytest.raises(ConfigError, match="cannot be a model's name"):
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
    assert versions(tmp_path) == [3]
    assert newest_version(tmp_path) == 3
    assert next_version(tmp_path) == 12
    assert versions(tmp_path / "nowhere") == []
    assert newest_version(tmp_path / "nowhere") is None


KILLED_AT_THE_RENAME = """
import os, signal, sys
from pathlib import Path
from serving_export.push import push
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
    done = subprocess.run(command, cwd=Path(__file__).parents[2])
    assert done.returncode == -signal.SIGKILL
    assert [name[:9] for name in visible(serving / "m")] == [".staging-"]
    assert versions(serving / "m") == []
    assert push(candidate[0], serving, "m", record={})[0] == 1
    assert visible(serving / "m") == {"1"}


def test_pushes_at_once_take_turns(serving: Path, tmp_path: Path) -> None:
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
        "import sys; from pathlib import Path; from serving_export.push import push; "
        "print(push(Path(sys.argv[1]), Path(sys.argv[2]), 'm', record={})[0])"
    )
    command = [sys.executable, "-c", code, str(candidate[0]), str(serving)]
    running = [
        subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert {process.communicate()[0] for process in running} == {"1\n"}
    assert visible(serving / "m") == {"1"}


@pytest.fixture
def full_disk() -> Iterator[None]:
    """A file may not grow past 100 kB: the write fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, old)


def test_a_full_disk_leaves_nothing(
    tmp_path: Path, serving: Path, request: pytest.FixtureRequest
) -> None:
    bundle, _ = make_bundle(tmp_path / "large", b"x" * 1_000_000)
    request.getfixturevalue("full_disk")
    with pytest.raises(EnvironmentTrouble, match="cannot push"):
        push(bundle, serving, "m", record={})
    assert visible(serving / "m") == set()


def test_a_serving_directory_that_is_none_is_the_environments(
    candidate: tuple[Path, str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EnvironmentTrouble, match="cannot push"):
        push(candidate[0], tmp_path / "file", "m", record={})
