"""Starts the child process that works on a tick."""

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

# -P: a folder `data` in the working folder must not shadow Penstock's package.
CHILD = (sys.executable, "-P", "-m", "pipeline", "schedule", "tick")


class Launcher(Protocol):
    """Starts the work on ticks, of each schedule one at a time."""

    def launch(self, schedule: Schedule, tick: Tick, take: Callable[[], bool]) -> bool:
        """Start the work on a tick, if no process works on its schedule and `take()` is true."""

    def is_running(self, name: str) -> bool:
        """Whether any process works on the schedule, started by this launcher or not."""

    def children(self) -> int:
        """The number of child processes that have not ended."""

    def ended(self) -> list[tuple[Tick, int]]:
        """The ticks that ended since the last call, with exit codes (negative: a signal)."""


class ProcessLauncher:
    """Starts a child process for each tick, in its own session, so that it outlives this process.

    Args:
        root: of the schedules.
        command: the command line to start, without NAME ID --root ROOT.
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
                os.close(held)  # the child's copy holds the lock from here on
        self._children[process.pid] = (tick, process)
        return True

    def _start(
        self, schedule: Schedule, tick: Tick, held: int, log: int
    ) -> subprocess.Popen[bytes]:
        folder = schedule.folder  # the tick reports a missing folder
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
        ended = []
        for pid, (tick, process) in list(self._children.items()):
            code = process.poll()
            if code is not None:
                ended.append((tick, code))
                del self._children[pid]
        return ended

    def interrupt(self) -> None:
        """Send SIGTERM to each child process; a training then writes a checkpoint and ends."""
        for _, process in self._children.values():
            process.terminate()

    def kill(self) -> None:
        """Kill each child process and all processes that it started."""
        for pid in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


def log_path(root: Path, name: str) -> Path:
    """The file with the output of the last tick's process."""
    return root / lock.FOLDER / f"{name}.log"
