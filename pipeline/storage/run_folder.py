"""Prepare the root, and manage its runs' folders: lock, dead runs, tracebacks."""

from __future__ import annotations

import dataclasses
import secrets
import traceback
from pathlib import Path

from filelock import FileLock, Timeout

from data.code.user_code import TRACEBACK_NOTE
from data.errors import EnvironmentTrouble, PushRightLost
from data.files.private_files import FILE_MODE, make_private_folder, open_private
from data.redaction import redact
from pipeline.storage.database import FILE
from pipeline.storage.ledger import Ledger
from pipeline.storage.pushes import push_right

LOCK = ".lock"
_TRACEBACK = "traceback.txt"
PRIVATE = ("runs", "schedules")  # folders of the root that only its owner may read


def prepare_root(root: Path) -> None:
    """Create the root, and close its private folders to other users.

    Raises:
        EnvironmentTrouble: the root cannot be created or written to.
    """
    probe = root / f".probe-{secrets.token_hex(4)}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
        for folder in (root / name for name in PRIVATE):
            if folder.is_dir():  # perhaps made by an older version
                make_private_folder(folder)
    except OSError as error:
        raise EnvironmentTrouble(
            f"the root {root} is not writable",
            expected="a folder that this user can write to",
            got=error.strerror,
            follows="nothing ran",
            remedy="choose another root with --root DIR or PENSTOCK_ROOT, or fix its permissions",
        ) from error


def list_run_outputs(root: Path, serving_dir: Path | None = None) -> tuple[Path, ...]:
    """List the paths that runs write to: they do not count where data lies in the root too."""
    folders = ("artifacts", "runs", "work", "damaged", "schedules", "serving")
    ledger = (FILE + ending for ending in ("", "-journal", "-wal", "-shm"))
    pushes = () if serving_dir is None else (serving_dir,)
    return (*(root / name for name in (*folders, *ledger)), *pushes)


def mark_killed_runs(root: Path, ledger: Ledger) -> None:
    """Mark runs as killed that are recorded as running, but whose process holds no lock.

    Such a run may still live, on a machine that shares no locks; it can push no more.
    """
    for run in ledger.running():
        folder = root / "runs" / run.id
        if not _is_alive(folder) and _revoke_push(folder):
            ledger.finish_run(dataclasses.replace(run, status="killed"))


def _is_alive(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    try:
        with FileLock(folder / LOCK, mode=FILE_MODE).acquire(timeout=0):
            return False
    except Timeout:
        return True


def _revoke_push(folder: Path) -> bool:
    """Revoke the right to push of a run that counts as dead. False: it is pushing right now."""
    try:
        if folder.is_dir():
            push_right.revoke(folder / push_right.FILE, "its process was considered dead", wait=0)
    except PushRightLost:
        return True  # it has no right
    except EnvironmentTrouble:
        return False
    return True


def write_traceback(folder: Path, error: BaseException) -> None:
    """Write a run's traceback to its folder, and add a note with the path to the error."""
    file = folder / _TRACEBACK
    with open_private(file, "w", encoding="utf-8") as kept:
        kept.write(redact("".join(traceback.format_exception(error))))
    note_traceback(folder, error)


def note_traceback(folder: Path, error: BaseException) -> None:
    """Add a note with the traceback's path to the error, if a traceback was written."""
    if (folder / _TRACEBACK).is_file():
        error.add_note(f"{TRACEBACK_NOTE}{folder / _TRACEBACK}")
