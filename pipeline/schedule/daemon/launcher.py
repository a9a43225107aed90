"""Starts the process that works on a tick, and knows whether one does."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from data.files.durable_files import translate_disk_errors
from data.files.private_files import open_private
from pipeline.schedule import lock
from pipeline.schedule.schedule import Schedule, Tick

# -P: a folder `data` of the user's own where the schedule works must not shadow ours.
CHILD = (sys.executable, "-P", "-m", "pipeline", "schedule", "tick")


class Launcher(Protocol):
    """Who works on ticks. At most one process at a time works on a schedule."""

    def launch(self, schedule: Schedule, tick: Tick, take: Callable[[], bool]) -> bool:
        """Begin the work on a tick, if nobody works on its schedule and then `take()` is true."""

    def is_running(self, name: str) -> bool:
        """Whether anybody works on the schedule, started from here or not."""

    def children(self) -> int:
        """How many of those that were started from here have not ended."""

    def ended(self) -> list[tuple[Tick, int]]:
        """Those that ended since the last call, with their exit codes (negative: a signal)."""


class ProcessLauncher:
    """A child process for each tick, in a session of its own, so that it outlives this one.

    Args:
        root: of the schedules.
        command: what is started; NAME ID --root ROOT follow.
    """

    def __init__(self, root: Path, command: Sequence[str] = CHILD) -> None:
        self._root = root
        self._command = command
        self._children: dict[int, tuple[Tick, subprocess.Popen[bytes]]] = {}

    def launch(self, schedule: Schedule, tick: Tick, take: Callable[[], bool]) -> bool:
        with translate_disk_errors(f"the tick of {tick.schedule!r} cannot be started"):
            held = lock.try_lock(self._root, tick.schedule)
            if held is None:
                return False
            try:
                path, mode = log_path(self._root, tick.schedule), "wb" if tick.waits else "ab"
                with open_private(path, mode) as log:
                    if not take():
                        return False
                    process = self._start(schedule, tick, held, log.fileno())
            finally:
                os.close(held)  # the child's copy holds it from here on
        self._children[process.pid] = (tick, process)
        return True

    def _start(
        self, schedule: Schedule, tick: Tick, held: int, log: int
    ) -> subprocess.Popen[bytes]:
        folder = schedule.folder  # one that is gone is the recipe's trouble, and the tick's to say
        return subprocess.Popen(
            [*self._command, tick.schedule, str(tick.id), "--root", str(self._root)],
            cwd=folder if folder and os.path.isdir(folder) else self._root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, lock.INHERITED: str(held)},
            pass_fds=(held,),
            start_new_session=True,
        )

    def is_running(self, name: str) -> bool:
        with translate_disk_errors(f"the lock of {name!r} cannot be read"):
            return lock.is_locked(self._root, name)

    def children(self) -> int:
        return len(self._children)

    def ended(self) -> list[tuple[Tick, int]]:
        found = []
        for pid, (tick, process) in list(self._children.items()):
            code = process.poll()
            if code is not None:
                found.append((tick, code))
                del self._children[pid]
        return found

    def interrupt(self) -> None:
        """Ask each child to leave; a training writes a checkpoint on its way out."""
        for _, process in self._children.values():
            process.terminate()

    def kill(self) -> None:
        """End each child, and all that it started, now."""
        for pid in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


def log_path(root: Path, name: str) -> Path:
    """What the process of the last tick printed."""
    return root / lock.FOLDER / f"{name}.log"
