"""Locks a schedule while a process works on one of its ticks; the lock ends with that process.

A daemon takes the lock and hands it to the child that it starts, so that a launched tick is never
without a locked schedule.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from data.files.private_files import FILE_MODE, make_private_folder
from pipeline.storage.pushes.push_right import PushRight

FOLDER = "schedules"  # in the root
INHERITED = "PENSTOCK_SCHEDULE_LOCK"  # the file descriptor, in a child's environment


def try_lock(root: Path, name: str) -> int | None:
    """Take the lock. Returns the file descriptor that holds it until it is closed, or None: taken.

    Raises:
        OSError: the lock file cannot be created.
    """
    path = root / FOLDER / f"{name}.lock"
    make_private_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def is_locked(root: Path, name: str) -> bool:
    """Whether a process works on a tick of the schedule."""
    if not (root / FOLDER / f"{name}.lock").exists():
        return False
    descriptor = try_lock(root, name)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def take_push_right(root: Path, name: str) -> PushRight:
    """Take the schedule's right to push, which an earlier run then no longer has.

    It guards against runs that a lock does not stop, as on a file system that shares no locks. The
    caller holds the schedule's lock.

    Raises:
        EnvironmentTrouble: the file cannot be written, or a push is under way and does not end.
    """
    return PushRight.begin(root / FOLDER / f"{name}.push_right.json")


@contextlib.contextmanager
def hold_lock(root: Path, name: str) -> Iterator[bool]:
    """Hold the lock in the block: the lock that a daemon handed over, or your own.

    Yields:
        Whether it is held; False: another process works on the schedule.
    """
    inherited = os.environ.pop(INHERITED, None)
    if inherited is None:
        descriptor = try_lock(root, name)
    else:
        descriptor = int(inherited)
        os.set_inheritable(descriptor, False)  # child processes do not hold it
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)
