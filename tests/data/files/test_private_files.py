from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.files.durable_files import write_json
from data.files.private_files import make_private, make_private_folder, open_private, touch_private


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def mask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def test_whatever_the_mask_nobody_else_can_read(tmp_path: Path, mask: int) -> None:
    folder = make_private_folder(tmp_path / "runs")
    assert mode(folder) == "0o700"
    with open_private(folder / "log", "a", encoding="utf-8") as file:
        assert mode(folder / "log") == "0o600"  # from the first
        file.write("é")
    touch_private(folder / "ledger")
    write_json(folder / "run.json", {})
    assert {mode(path) for path in folder.iterdir()} == {"0o600"}


def test_what_lies_in_an_open_folder_is_as_open_as_the_mask_lets_it(
    tmp_path: Path, mask: int
) -> None:
    folder = tmp_path / "serving"
    folder.mkdir()
    write_json(folder / "manifest.json", {})
    assert mode(folder / "manifest.json") == oct(0o666 & ~mask)


def test_what_was_open_is_closed_with_all_in_it(tmp_path: Path, mask: int) -> None:
    inside = tmp_path / "runs" / "one" / "run.json"
    inside.parent.mkdir(parents=True, mode=0o777)
    inside.write_text("{}")
    outside = tmp_path / "outside"
    outside.write_text("")
    before = mode(outside)
    (inside.parent / "link").symlink_to(outside)
    make_private_folder(tmp_path / "runs")
    assert [mode(path) for path in (inside, inside.parent, tmp_path / "runs")] == [
        "0o600",
        "0o700",
        "0o700",
    ]
    assert mode(outside) == before


def test_a_folder_that_must_be_new(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "run", new=True)
    with pytest.raises(FileExistsError):
        make_private_folder(tmp_path / "run", new=True)
    assert make_private_folder(tmp_path / "run").is_dir()


def test_what_belongs_to_another_is_left(tmp_path: Path, unprivileged) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "theirs").write_text("")
    (tmp_path / "theirs").chmod(0o644)
    if os.geteuid() == 0:
        with unprivileged():
            make_private(tmp_path / "theirs")
        assert mode(tmp_path / "theirs") == "0o644"
    make_private(tmp_path / "theirs", tmp_path / "gone")
    assert mode(tmp_path / "theirs") == "0o600"


def test_a_lock_of_sqlite_outlives_it(tmp_path: Path) -> None:
    """A descriptor of the file, closed anywhere in the process, would drop it."""
    path = tmp_path / "ledger.sqlite"
    touch_private(path)
    with sqlite3.connect(path, isolation_level=None) as one:
        one.execute("create table t (n)")
        one.execute("begin exclusive")
        touch_private(path)
        make_private(path)
        held = os.system(
            f"python -c \"import sqlite3; sqlite3.connect('{path}', timeout=0)"
            ".execute('begin immediate')\" 2>/dev/null"
        )
        assert held != 0
    one.close()
