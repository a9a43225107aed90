"""Explains why a ledger cannot be used, with a remedy for each cause."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from data.errors import EnvironmentTrouble

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_RESTORE = (
    "restore a copy of it (a copy from before a migration lies beside it), or move it away: "
    "artifacts are kept and stay cached; past runs and schedules are lost"
)


def explain(path: Path, error: BaseException | None) -> EnvironmentTrouble:
    """Translate an SQLite error about the ledger at `path`."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    follows = "nothing was written to it"
    if code in _BUSY:
        return EnvironmentTrouble(
            f"the ledger {path} is locked",
            expected="that another process holds the lock for a moment only",
            got=error,
            follows=follows,
            remedy=f"wait for its holders to end ({_describe_holders(path)}), then run "
            "the same command again; PENSTOCK_WAIT_LEDGER sets how many seconds to wait",
        )
    if code == sqlite3.SQLITE_FULL:
        return EnvironmentTrouble(
            f"the disk of the ledger {path} is full",
            got=error,
            follows=follows,
            remedy="free some space there, then run the same command again",
        )
    if code in _DAMAGED:
        return EnvironmentTrouble(
            f"the ledger {path} cannot be used: the file is damaged, or not a ledger",
            expected="an SQLite file written by Penstock",
            got=error,
            remedy=_RESTORE,
        )
    if code == sqlite3.SQLITE_ERROR:  # a table or column of the statement is missing
        return EnvironmentTrouble(
            f"the ledger {path} lacks a table or a column",
            expected="all tables and columns of its schema number",
            got=error,
            follows=follows,
            remedy=_RESTORE,
        )
    return EnvironmentTrouble(
        f"the ledger {path} cannot be used",
        got=error,
        follows=follows,
        remedy="fix the permissions or the disk, then run the same command again",
    )


def _describe_holders(path: Path) -> str:
    """List the other processes that have a file open, as far as this user may see them."""
    return ", ".join(_find_processes(path.resolve())) or (
        "none of yours here: another user's, or on another machine"
    )


def _find_processes(path: Path) -> Iterator[str]:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # the process has ended, or is another user's
            opened = {os.readlink(link) for link in (process / "fd").iterdir()}
            if str(path) in opened and int(process.name) != os.getpid():
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                yield f"process {process.name}, {command.decode(errors='replace').strip()}"
