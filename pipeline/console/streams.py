"""Standard output and error of a command, whose reader may leave before the work has ended."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, TextIO

from data.base.visible_text import escape_controls
from data.errors import EnvironmentTrouble

_LEFT = {errno.EPIPE, errno.EIO}  # the pipe has no reader; the terminal is closed


def survive_readers() -> None:
    """Let `sys.stdout` and `sys.stderr` outlive their readers, as in `penstock run … | head`.

    What would be written then goes nowhere, and the run goes on. Where standard output cannot be
    written to for another reason, such as a full disk, EnvironmentTrouble is raised; standard error
    has nobody left to tell.
    """
    sys.stdout = _reopen(sys.stdout, essential=True)
    sys.stderr = _reopen(sys.stderr, essential=False)


def say(text: object, *, error: bool = False) -> None:
    """Print a line on standard output, or error, in which nothing acts unseen."""
    print(escape_controls(str(text)), file=sys.stderr if error else sys.stdout)


def open_stream(descriptor: int) -> TextIO:
    """A text stream in UTF-8 on a file descriptor, which it owns, that outlives its reader."""
    return _text(_Outlasting(descriptor, essential=False), "utf-8", "backslashreplace", False)


class _Outlasting(io.FileIO):
    def __init__(self, descriptor: int, *, essential: bool, closefd: bool = True) -> None:
        super().__init__(descriptor, "w", closefd=closefd)
        self._essential = essential

    def write(self, content: Any, /) -> int:
        try:
            return super().write(content) or 0
        except OSError as error:
            if error.errno not in _LEFT and self._essential:
                raise EnvironmentTrouble(
                    "standard output cannot be written to",
                    got=error.strerror,
                    follows="what there was to say is lost; what the command did is not",
                    remedy="make room, then ask again: penstock show latest",
                ) from error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # for native code as well
            os.close(nowhere)
            return memoryview(content).nbytes


def _reopen(stream: TextIO | None, *, essential: bool) -> TextIO:
    if stream is None:  # it was closed when the process began: >&-
        return open_stream(os.open(os.devnull, os.O_WRONLY))
    raw = _Outlasting(stream.fileno(), essential=essential, closefd=False)
    return _text(raw, stream.encoding, str(stream.errors), stream.isatty() or not essential)


def _text(raw: io.FileIO, encoding: str, errors: str, line_buffering: bool) -> TextIO:
    buffered = io.BufferedWriter(raw)
    return io.TextIOWrapper(buffered, encoding, errors, line_buffering=line_buffering)
