"""Waits for a time that a signal ends at once."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from types import FrameType

from pipeline.console.interrupt import listened


class Signals:
    """Counts, in its block, the signals that ask to end; they and the end of a child end a wait."""

    def __init__(self) -> None:
        self.asked = 0  # number of signals that ask to end

    def __enter__(self) -> Signals:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._ending = listened()
        numbers = (*self._ending, signal.SIGCHLD)
        self._before = {number: signal.signal(number, self._note) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._reader)
        os.close(self._writer)

    def wait(self, seconds: float) -> None:
        """Wait for a signal, at most this long."""
        select.select([self._reader], [], [], max(0.0, seconds))
        with contextlib.suppress(BlockingIOError):
            while os.read(self._reader, 512):
                pass

    def _note(self, number: int, _: FrameType | None) -> None:
        self.asked += number in self._ending
