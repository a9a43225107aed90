"""The root and its runs' folders: made, locked while a run lives, and read afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import secrets
import time
import traceback
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from data.code.own_code import TRACEBACK_NOTE
from data.errors import EnvironmentTrouble, RightLost
from data.files.documents import checked, numbered
from data.files.private_files import FILE_MODE, open_private, private_folder
from data.redaction import redact
from pipeline.storage.database import FILE
from pipeline.storage.ledger import Ledger
from pipeline.storage.pushes import push_right

LOCK = ".lock"
EVENTS = "events.jsonl"
_TRACEBACK = "traceback.txt"
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


def list_run_outputs(root: Path, serving_dir: Path | None = None) -> tuple[Path, ...]:
    """What runs write in a root, and where they push: it counts for nothing in data around it.

    Data may lie in a root beside it.
    """
    folders = ("artifacts", "runs", "work", "damaged", "schedules", "serving")
    ledger = (FILE + ending for ending in ("", "-journal", "-wal", "-shm"))
    pushes = () if serving_dir is None else (serving_dir,)
    return (*(root / name for name in (*folders, *ledger)), *pushes)


def mark_killed_runs(root: Path, ledger: Ledger) -> None:
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


def append_event(folder: Path, kind: str, **facts: Any) -> None:
    """One more line of what happened in a run."""
    event = numbered(EVENTS, {"time": time.time(), "event": kind, **facts})
    with open_private(folder / EVENTS, "a", encoding="utf-8") as file:
        file.write(redact(json.dumps(event)) + "\n")


def write_traceback(folder: Path, error: BaseException) -> None:
    """Keep a run's traceback in its folder, and note on the error where it lies."""
    file = folder / _TRACEBACK
    with open_private(file, "w", encoding="utf-8") as kept:
        kept.write(redact("".join(traceback.format_exception(error))))
    note_traceback(folder, error)


def note_traceback(folder: Path, error: BaseException) -> None:
    """Note on the error where its traceback lies, if a worker or this process has kept it."""
    if (folder / _TRACEBACK).is_file():
        error.add_note(f"{TRACEBACK_NOTE}{folder / _TRACEBACK}")


def summaries(folder: Path) -> dict[str, str]:
    """Step → what came out of it, by the events in a run's folder."""
    events = folder / EVENTS
    if not events.is_file():
        return {}
    found = {}
    for line in events.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError):  # half a line, of a killed run
            event = json.loads(line)
            if isinstance(event, dict) and checked(EVENTS, event, events)["event"] == "ended":
                found[event["step"]] = event["summary"]
    return found
