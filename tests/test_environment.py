"""`make` sets up an environment from the lock, and touches no other's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import small_lock

pytestmark = [pytest.mark.timeout(1200)]  # installs take seconds, but on a busy machine
Make = Callable[..., "CompletedProcess[str]"]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder of packages, and their lock."""
    folder = tmp_path_factory.mktemp("index") / "files"
    return folder, small_lock.write_index(folder)


@pytest.fixture
def make(index: tuple[Path, str]) -> Make:
    def call(checkout: Path, target: str, venv: Path, **options: object) -> CompletedProcess[str]:
        return small_lock.make(checkout, target, venv, index[0], **options)

    return call


@pytest.fixture
def checkout(index: tuple[Path, str], tmp_path: Path) -> Path:
    return small_lock.write_checkout(tmp_path / "checkout", index[1])


def files(folder: Path) -> dict[Path, int]:
    return {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture
def dying(tmp_path: Path) -> str:
    """A Python that ends where it should make an environment."""
    program = tmp_path / "dying"
    program.write_text('#!/bin/sh\n[ "$1" = -c ] && echo "$0" || { : >"$3/half"; kill $$; }\n')
    program.chmod(0o755)
    return str(program)


@pytest.mark.slow
def test_interrupted_it_is_begun_again_and_once_whole_it_is_shared(make, checkout, index, dying):
    venv, lock = checkout / ".venv", index[1]
    assert make(checkout, "run", venv, python=dying).returncode == 2
    assert (venv / "half").exists()
    first = make(checkout, "run", venv)
    assert first.returncode == 0, first.stderr
    assert first.stdout.endswith(f"{checkout}/pipeline/__init__.py\n")
    assert small_lock.installed_versions(venv) == small_lock.locked_versions(lock)
    assert not (venv / "half").exists()

    # The same contents: nothing is done, whatever the times of the files.
    before = files(venv)
    for file in ("requirements.lock", "setup.py", "pyproject.toml"):
        os.utime(checkout / file)
    assert make(checkout, "venv", venv).stdout == ""
    assert files(venv) == before

    # Another checkout runs its own code with these libraries, and changes nothing.
    second = small_lock.write_checkout(checkout.with_name("second"), lock)
    shared = make(second, "run", venv)
    assert shared.stdout == f"{second}/pipeline/__init__.py\n"
    assert f"{venv} was made for {checkout}" in shared.stderr
    (second / "requirements.lock").write_text(lock.replace("plain==1.0", "plain==2.0"))
    refused = make(second, "run", venv)
    assert refused.returncode == 2
    assert f"{venv} was made for {checkout}, and is incomplete or holds" in refused.stderr
    assert files(venv) == before


@pytest.mark.slow
def test_another_lock_replaces_what_is_installed(make, checkout, index):
    venv = checkout / ".venv"
    venv.mkdir()
    (venv / ".checkout").write_text(f"{checkout}\n")
    (venv / ".locked").write_text(index[1].replace("plain==1.0", "plain==0.9"))
    (venv / ".ready").write_text("")
    (venv / "of the old one").touch()
    done = make(checkout, "run", venv)
    assert done.returncode == 0, done.stderr
    assert small_lock.installed_versions(venv) == small_lock.locked_versions(index[1])
    assert not (venv / "of the old one").exists()


@pytest.mark.slow
def test_uv_installs_the_lock_on_the_day_after(make, checkout, index):
    done = make(checkout, "run", checkout / "venv", uv=True)
    assert "with uv" in done.stdout
    assert done.returncode == 0, done.stderr
    assert small_lock.installed_versions(checkout / "venv") == small_lock.locked_versions(index[1])


@pytest.mark.parametrize("holds", ["pyvenv.cfg", "thesis.txt", ".locked"])
def test_a_folder_that_this_makefile_did_not_make_stays_as_it_is(make, checkout, tmp_path, holds):
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / holds).write_text("mine")
    refused = make(checkout, "venv", folder)
    assert refused.returncode == 2
    assert f"{folder} is not empty and was not made by this Makefile" in refused.stderr
    assert "make VENV=…" in refused.stderr
    assert [path.name for path in folder.iterdir()] == [holds]
    assert (folder / holds).read_text() == "mine"


def test_a_file_is_no_environment(make, checkout, tmp_path):
    (tmp_path / "file").write_text("mine")
    assert "use another folder" in make(checkout, "venv", tmp_path / "file").stderr
    assert (tmp_path / "file").read_text() == "mine"


def test_another_checkouts_unfinished_environment_stays_as_it_is(make, checkout, tmp_path):
    folder = tmp_path / "venv"
    folder.mkdir()
    (folder / ".checkout").write_text("/another\n")
    shutil.copy(checkout / "requirements.lock", folder / ".locked")
    refused = make(checkout, "venv", folder)
    assert refused.returncode == 2
    assert "was made for /another, and is incomplete" in refused.stderr
    assert {path.name for path in folder.iterdir()} == {".checkout", ".locked"}
