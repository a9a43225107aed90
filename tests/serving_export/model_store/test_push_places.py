"""Serving directories that are not as a push would like them."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from data.errors import EnvironmentTrouble
from serving_export.bundle.manifest import verify_version
from serving_export.model_store.layout import (
    identify_version,
    is_ours,
    newest_version,
    version_numbers,
)
from serving_export.model_store.push import push

Make = Callable[..., tuple[Path, str]]


@pytest.fixture
def candidate(tmp_path: Path, make_bundle: Make) -> Path:
    return make_bundle(tmp_path / "candidate")[0]


@pytest.fixture
def serving(tmp_path: Path) -> Path:
    (tmp_path / "serving").mkdir()
    return tmp_path / "serving"


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder but the lock's file: path → content."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if path.name != ".push.lock"
    }


def reachable(path: Path) -> None:
    """Let any user of the machine come to it."""
    for folder in (path, *path.parents):
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | 0o055)


@pytest.mark.parametrize("what", ["the serving directory", "the model's folder"])
def test_read_only(
    unprivileged: Callable[[], AbstractContextManager[None]],  # first: files that others may read
    candidate: Path,
    serving: Path,
    what: str,
) -> None:
    reachable(serving)
    if what == "the model's folder":
        push(candidate, serving, "m", record={})
        (serving / "m" / "1" / "saved_model.pb").write_bytes(b"damaged, so that one more is due")
    before = tree(serving)
    locked = serving if what == "the serving directory" else serving / "m"
    (locked / ".push.lock").unlink(missing_ok=True)
    locked.chmod(0o555)
    with unprivileged(), pytest.raises(EnvironmentTrouble, match="cannot push") as caught:
        push(candidate, serving, "m", record={})
    locked.chmod(0o755)
    assert "Permission denied" in str(caught.value)
    assert "fix the permissions" in str(caught.value)
    assert tree(serving) == before


@pytest.mark.parametrize("what", ["the serving directory", "the model's folder", "a parent"])
def test_a_file_in_place_of_a_folder(candidate: Path, tmp_path: Path, what: str) -> None:
    file = tmp_path / "in_the_way"
    file.write_bytes(b"mine")
    serving = file / "serving" if what == "a parent" else file
    if what == "the model's folder":
        serving, file = tmp_path, tmp_path / "m"
        file.write_bytes(b"mine")
    with pytest.raises(EnvironmentTrouble, match="cannot push"):
        push(candidate, serving, "m", record={})
    assert file.read_bytes() == b"mine"


def test_another_file_system(candidate: Path) -> None:
    """The bundle is copied into the serving directory, so the rename never leaves that."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        assert os.stat(other).st_dev != candidate.stat().st_dev
        version, path = push(candidate, Path(other), "m", record={})
        assert version == 1
        verify_version(path)
        assert push(path, candidate.parent / "back", "m", record={})[0] == 1


def test_a_foreign_version_counts_and_stays(
    candidate: Path, serving: Path, tmp_path: Path, make_bundle: Make
) -> None:
    (serving / "m" / "7").mkdir(parents=True)
    (serving / "m" / "7" / "saved_model.pb").write_bytes(b"not ours")
    assert identify_version(serving / "m" / "7") == "unmanaged:7"
    assert push(candidate, serving, "m", record={}, keep=2)[0] == 8
    for number in (9, 10):
        bundle, _ = make_bundle(tmp_path / f"b{number}", b"graph %d" % number)
        assert push(bundle, serving, "m", record={}, keep=2)[0] == number
    assert version_numbers(serving / "m") == [7, 9, 10]
    assert (serving / "m" / "7" / "saved_model.pb").read_bytes() == b"not ours"


def test_a_link_for_a_version_is_nobodys(candidate: Path, serving: Path, tmp_path: Path) -> None:
    """TensorFlow Serving would follow it, so it serves; but it is not ours, and never deleted."""
    _, elsewhere = push(candidate, tmp_path / "elsewhere", "m", record={})
    (serving / "m").mkdir()
    (serving / "m" / "3").symlink_to(elsewhere)
    (serving / "m" / "5").symlink_to(tmp_path / "nowhere")
    assert (newest_version(serving / "m"), is_ours(serving / "m" / "3")) == (3, False)
    assert identify_version(serving / "m" / "3") == "unmanaged:3"
    before = tree(tmp_path / "elsewhere")
    # the same bundle as the link's: yet only what lies here itself is up to date
    version, path = push(candidate, serving, "m", record={}, expected_serving="unmanaged:3")
    assert (version, path.is_symlink()) == (6, False)
    shutil.rmtree(path / "variables")
    assert push(candidate, serving, "m", record={}, keep=2)[0] == 7
    (serving / "m" / "6" / "saved_model.pb").unlink()
    assert push(candidate, serving, "m", record={}, keep=2)[0] == 7
    assert (serving / "m" / "3").is_symlink()
    assert (serving / "m" / "5").is_symlink()
    assert tree(tmp_path / "elsewhere") == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for some 250 kB: a file system of its own, or else a limit on files."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0:
        yield folder
        subprocess.run(["umount", str(folder)], check=True)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (250_000, hard))
    yield folder
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, old)


def test_a_full_disk_leaves_what_served(
    tmp_path: Path, make_bundle: Make, request: pytest.FixtureRequest
) -> None:
    small, digest = make_bundle(tmp_path / "small", b"x" * 20_000)
    large, _ = make_bundle(tmp_path / "large", b"x" * 1_000_000)
    serving = request.getfixturevalue("small_disk")
    push(small, serving, "m", record={})
    before = tree(serving)
    with pytest.raises(EnvironmentTrouble, match="cannot push") as caught:
        push(large, serving, "m", record={})
    assert "free disk space" in str(caught.value)
    assert tree(serving) == before
    assert verify_version(serving / "m" / "1") == digest
    other, _ = make_bundle(tmp_path / "other", b"y" * 20_000)
    assert push(other, serving, "m", record={})[0] == 2
