"""Write to standard output and error, even if their reader ends before the command does."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, TextIO

from data.base.visible_text import escape_controls
from data.errors import EnvironmentTrouble

# each character by one, so that columns stay aligned
_ASCII = str.maketrans({"✓": "+", "✗": "x", "–": "-", "…": "~", "×": "x", "→": ">"})
_CLOSED = {errno.EPIPE, errno.EIO}  # the pipe has no reader; the terminal is closed


def survive_readers() -> None:
    """Let `sys.stdout` and `sys.stderr` outlive their readers, as in `penstock run … | head`.

    Later output is then discarded, and the run continues. If standard output cannot be written to
    for another reason, such as a full disk, EnvironmentTrouble is raised; an error of standard
    error is ignored.
    """
    sys.stdout = _reopen(sys.stdout, essential=True)
    sys.stderr = _reopen(sys.stderr, essential=False)


def say(text: object, *, error: bool = False) -> None:
    """Print a line on standard output or error, with control characters escaped."""
    stream = sys.stderr if error else sys.stdout
    print(replace_marks(escape_controls(str(text)), stream.encoding), file=stream)


def replace_marks(text: str, encoding: str | None) -> str:
    """Replace Penstock's own marks by ASCII characters, unless the encoding is Unicode."""
    return text if (encoding or "utf-8").lower().startswith("utf") else text.translate(_ASCII)


def open_stream(descriptor: int) -> TextIO:
    """Open a UTF-8 text stream on a file descriptor, which it owns; it outlives its reader."""
    return _text(_Outlasting(descriptor, essential=False), "utf-8", "backslashreplace", False)


class _Outlasting(io.FileIO):
    def __init__(self, descriptor: int, *, essential: bool, closefd: bool = True) -> None:
        super().__init__(descriptor, "w", closefd=closefd)
        self._essential = essential

    def write(self, content: Any, /) -> int:
        try:
            return super().write(content) or 0
        except OSError as error:
            if error.errno not in _CLOSED and self._essential:
                raise EnvironmentTrouble(
                    "cannot write to standard output",
                    got=error.strerror,
                    follows="the output is lost, but not what the command did",
                    remedy="free some space, then print the result again: penstock show latest",
                ) from error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # for native code as well
            os.close(nowhere)
            return memoryview(content).nbytes


def _reopen(stream: TextIO | None, *, essential: bool) -> TextIO:
    if stream is None:  # it was closed when the process began: >&-
        return open_stream(os.open(os.devnull, os.O_WRONLY))
    raw = _Outlasting(stream.fileno(), essential=essential, closefd=False)
    errors = "backslashreplace" if stream.errors == "strict" else str(stream.errors)
    return _text(raw, stream.encoding, errors, stream.isatty() or not essential)


def _text(raw: io.FileIO, encoding: str, errors: str, line_buffering: bool) -> TextIO:
    buffered = io.BufferedWriter(raw)
    return io.TextIOWrapper(buffered, encoding, errors, line_buffering=line_buffering)
