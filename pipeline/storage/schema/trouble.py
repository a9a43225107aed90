"""Why a ledger cannot be used, in words: each cause has a remedy of its own."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from data.errors import EnvironmentTrouble

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_NO_LEDGER = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_AWAY = (
    "take back a copy of it (one from before a migration lies beside it), or move it away: "
    "artifacts are kept and found again; past runs and schedules are forgotten"
)


def explain(path: Path, error: BaseException | None) -> EnvironmentTrouble:
    """What an error of SQLite's says of the ledger at `path`."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    follows = "what was to be written there was not"
    if code in _BUSY:
        return EnvironmentTrouble(
            f"the ledger {path} is locked",
            expected="another process's write to take no longer than a moment",
            got=error,
            follows=follows,
            remedy=f"look at who has it open: {_holders(path)}; when it has ended, run the same "
            "command again (PENSTOCK_WAIT_LEDGER says how long to wait)",
        )
    if code == sqlite3.SQLITE_FULL:
        return EnvironmentTrouble(
            f"the disk of the ledger {path} is full",
            got=error,
            follows=follows,
            remedy="free some space there, then run the same command again",
        )
    if code in _NO_LEDGER:
        return EnvironmentTrouble(
            f"the ledger {path} cannot be used: it is damaged, or no ledger",
            expected="an SQLite file that Penstock made",
            got=error,
            remedy=_AWAY,
        )
    if code == sqlite3.SQLITE_ERROR:  # of the statement: the tables are not those that it names
        return EnvironmentTrouble(
            f"the ledger {path} lacks a table or a column",
            expected="what its schema number says",
            got=error,
            follows=follows,
            remedy=_AWAY,
        )
    return EnvironmentTrouble(
        f"the ledger {path} cannot be used",
        got=error,
        follows=follows,
        remedy="mend the permissions or the disk, then run the same command again",
    )


def _holders(path: Path) -> str:
    """The other processes of this machine that have a file open, as far as this user may see."""
    return ", ".join(_processes(path.resolve())) or (
        "none of yours on this machine, so another user's, or one on another machine"
    )


def _processes(path: Path) -> Iterator[str]:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            opened = {os.readlink(link) for link in (process / "fd").iterdir()}
            if str(path) in opened and int(process.name) != os.getpid():
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                yield f"process {process.name}, {command.decode(errors='replace').strip()}"
