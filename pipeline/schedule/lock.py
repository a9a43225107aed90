"""The lock of a schedule: whoever holds it works on a tick. It falls with its holder.

A daemon takes it and hands it to the child that it starts, so that there is no moment at which a
tick is launched and nobody holds its lock.
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
    """Take the lock; the file descriptor that holds it until it is closed, or None: it is taken.

    Raises:
        OSError: the file cannot be made.
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
    """Whether somebody works on a tick of the schedule."""
    if not (root / FOLDER / f"{name}.lock").exists():
        return False
    descriptor = try_lock(root, name)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def take_over(root: Path, name: str) -> PushRight:
    """Take the schedule's right to push, for the runs of one who holds its lock.

    Where locks are not shared, or have fallen though their holder lives, its runs can push no more.

    Raises:
        EnvironmentTrouble: the file cannot be written, or one of them pushes and does not end.
    """
    return PushRight.begin(root / FOLDER / f"{name}.push_right.json")


@contextlib.contextmanager
def holding(root: Path, name: str) -> Iterator[bool]:
    """Hold the lock in the block: the one that a daemon handed on, or one's own.

    Yields:
        Whether it is held; False: somebody else works on the schedule.
    """
    handed = os.environ.pop(INHERITED, None)
    if handed is None:
        descriptor = try_lock(root, name)
    else:
        descriptor = int(handed)
        os.set_inheritable(descriptor, False)  # processes that we start do not hold it
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)
