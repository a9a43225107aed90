"""Ledger, runs and logs are for their owner alone, whatever the umask; what serves is not."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.run import run
from pipeline.schedule import lock
from pipeline.schedule.daemon.launcher import log_path
from pipeline.storage.ledger import Ledger


@pytest.fixture(params=[0o000, 0o022], ids=oct)
def mask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """Of all that lies in it, and of it."""
    paths = [folder, *folder.rglob("*")]
    return {str(path): stat.S_IMODE(path.stat().st_mode) for path in paths}


def open_to_others(folder: Path) -> list[str]:
    return [path for path, mode in modes(folder).items() if mode & 0o077]


def test_what_a_run_writes(tmp_path: Path, pushing_pipeline, toy_pipeline, mask: int) -> None:
    root = tmp_path / "root"
    result = run(pushing_pipeline(), root=root)
    with pytest.raises(ZeroDivisionError):
        run(toy_pipeline(status="crash", constant=1), root=root)
    assert list(root.glob("runs/*/traceback.txt"))
    assert open_to_others(root / "runs") == []
    assert stat.S_IMODE((root / "ledger.sqlite").stat().st_mode) == 0o600
    assert result.push is not None
    assert result.push.served_path is not None
    served = modes(result.push.served_path.parent)  # a server may be another user
    kept = {p: m for p, m in served.items() if not Path(p).name.startswith(".")}
    assert set(kept.values()) == {0o777 & ~mask, 0o666 & ~mask}
    assert stat.S_IMODE((root / "artifacts").stat().st_mode) == 0o777 & ~mask


def test_what_sqlite_puts_beside_the_ledger(tmp_path: Path, mask: int) -> None:
    with Ledger(tmp_path) as ledger, ledger._writing() as db:
        db.exec_driver_sql("create table more (n)")
        db.exec_driver_sql("insert into more values (1)")
        beside = list(tmp_path.glob("ledger.sqlite*"))
        assert len(beside) == 2  # with its journal
        assert {stat.S_IMODE(path.stat().st_mode) for path in beside} == {0o600}


def test_a_schedules_files(tmp_path: Path, mask: int) -> None:
    held = lock.try_lock(tmp_path, "nightly")
    assert held is not None
    os.close(held)
    lock.take_push_right(tmp_path, "nightly")
    assert len(list((tmp_path / "schedules").iterdir())) >= 2
    assert log_path(tmp_path, "nightly").parent == tmp_path / "schedules"
    assert open_to_others(tmp_path / "schedules") == []


def test_an_older_root_is_closed_when_it_is_opened(tmp_path: Path, toy_pipeline) -> None:
    root = tmp_path / "root"
    run(toy_pipeline(), root=root)
    for path in (root / "runs", *root.glob("runs/**/*"), *root.glob("ledger*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (root / "ledger.sqlite-backup").write_bytes(b"")
    (root / "ledger.sqlite-backup").chmod(0o644)
    run(toy_pipeline(), root=root)
    assert open_to_others(root / "runs") == []
    assert {stat.S_IMODE(p.stat().st_mode) for p in root.glob("ledger*")} == {0o600}
