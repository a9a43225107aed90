"""The root and its runs' folders: made, locked while a run lives, and read afterwards."""

from __future__ import annotations

import dataclasses
import json
import secrets
from pathlib import Path

from filelock import FileLock, Timeout

from data.base.private_files import FILE_MODE, private_folder
from data.errors import EnvironmentTrouble, RightLost
from pipeline.storage.ledger import Ledger
from pipeline.storage.pushes import push_right

LOCK = ".lock"
EVENTS = "events.jsonl"
PRIVATE = ("runs", "schedules")  # the root's folders of what only its owner is to read


def prepare_root(root: Path) -> None:
    """Make the root folder; what is in it for its owner alone is closed to others.

    Raises:
        EnvironmentTrouble: it cannot be made or written to.
    """
    probe = root / f".probe-{secrets.token_hex(4)}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
        for folder in (root / name for name in PRIVATE):
            if folder.is_dir():  # of an older root, perhaps
                private_folder(folder)
    except OSError as error:
        raise EnvironmentTrouble(
            f"the root {root} cannot be written to",
            expected="a folder that this user may write to",
            got=error.strerror,
            follows="nothing ran",
            remedy="choose another with --root DIR or PENSTOCK_ROOT, or mend its permissions",
        ) from error


def settle_dead_runs(root: Path, ledger: Ledger) -> None:
    """Mark as killed the runs that say they run though the lock of their process has fallen.

    One that lives all the same, on a machine that shares no locks, can push no more.
    """
    for run in ledger.running():
        folder = root / "runs" / run.id
        if not _is_alive(folder) and _may_be_buried(folder):
            ledger.finish_run(dataclasses.replace(run, status="killed"))


def _is_alive(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    try:
        with FileLock(folder / LOCK, mode=FILE_MODE).acquire(timeout=0):
            return False
    except Timeout:
        return True


def _may_be_buried(folder: Path) -> bool:
    """Take the right to push of a run that counts as dead; False: it pushes at this moment."""
    try:
        if folder.is_dir():
            push_right.revoke(folder / push_right.FILE, "it was taken for dead", wait=0)
    except RightLost:
        return True  # it has none
    except EnvironmentTrouble:
        return False
    return True


def summaries(folder: Path) -> dict[str, str]:
    """Step → what came out of it, by the events in a run's folder."""
    events = folder / EVENTS
    if not events.is_file():
        return {}
    ended = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    return {e["step"]: e["summary"] for e in ended if e["event"] == "ended"}
