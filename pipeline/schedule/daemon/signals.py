"""Waiting that a signal ends at once."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from types import FrameType

from pipeline.console.interrupt import listened


class Signals:
    """In the block, what asks to leave is counted, and that and an ended child end a wait."""

    def __init__(self) -> None:
        self.asked = 0  # how often to leave

    def __enter__(self) -> Signals:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._leave = listened()
        numbers = (*self._leave, signal.SIGCHLD)
        self._before = {number: signal.signal(number, self._note) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._reader)
        os.close(self._writer)

    def wait(self, seconds: float) -> None:
        """Until something comes, at most so long."""
        select.select([self._reader], [], [], max(0.0, seconds))
        with contextlib.suppress(BlockingIOError):
            while os.read(self._reader, 512):
                pass

    def _note(self, number: int, _: FrameType | None) -> None:
        self.asked += number in self._leave
