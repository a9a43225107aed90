"""Digest input files, and store the digests in the ledger: a file is read when it changed."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from data.files.durable_files import sha256_file
from data.files.file_states import translate_read_errors
from pipeline.storage import tables
from pipeline.storage.database import Database

# Files that one transaction takes: for a single small file it takes longer than reading it.
_AT_ONCE = 1000
_SECONDS = 2  # between two transactions, so that a kill costs little


class _State(NamedTuple):
    """A file's digest is known for as long as these facts stay the same.

    The ctime is among the times: a program can set the mtime back, and a file system may give a new
    file the inode of one that was removed.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class FileDigests(Database):
    """Digests by path, size, times and inode."""

    metadata = tables.meta

    def digest_files(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the sha256 of each file; one is read only when size, a time or inode changed.

        Raises:
            EnvironmentTrouble: a file cannot be read.
        """
        digests, make_key = {}, _make_keys()
        path = ""
        with _Pending(self._store) as pending, translate_read_errors(lambda: path):
            for path in paths:
                key = make_key(path)
                digests[path] = _digest_file(path, key, self._find(key), pending)
        return digests

    @functools.cached_property
    def _rows(self) -> dict[str, dict[str, tuple[_State, str]]]:
        """Folder → path → row, of the folders that were read."""
        return {}

    def _find(self, key: str) -> tuple[_State, str] | None:
        """Find a file's row; the ledger is read once for all files of a folder."""
        folder = key.rpartition("/")[0]
        if folder not in self._rows:
            self._rows[folder] = self._read_folder(folder)
        return self._rows[folder].get(key)

    def _read_folder(self, folder: str) -> dict[str, tuple[_State, str]]:
        columns = tables.file_digests.c
        query = select(columns.path, columns.digest, *(columns[name] for name in _State._fields))
        inside = (columns.path > f"{folder}/") & (columns.path < f"{folder}0")  # 0 follows /
        with self._reading() as db:
            rows = db.execute(query.where(inside)).all()
            return {path: (_State(*state), digest) for path, digest, *state in rows}

    def _store(self, rows: Sequence[Mapping[str, object]]) -> None:
        statement = insert(tables.file_digests)
        new = {name: statement.excluded[name] for name in (*_State._fields, "digest")}
        with self._writing() as db:
            db.execute(statement.on_conflict_do_update(["path"], set_=new), rows)
        for row in rows:
            path = str(row["path"])
            state = _State(*(row[name] for name in _State._fields))  # type: ignore[arg-type]
            self._rows[path.rpartition("/")[0]][path] = (state, str(row["digest"]))


class _Pending:
    """Rows to be stored, many in a transaction; the last ones at the end, after an error too."""

    def __init__(self, store: Callable[[Sequence[Mapping[str, object]]], None]) -> None:
        self._store = store
        self._rows: list[dict[str, object]] = []
        self._stored = time.monotonic()

    def __enter__(self) -> _Pending:
        return self

    def add(self, row: dict[str, object]) -> None:
        self._rows.append(row)
        if len(self._rows) == _AT_ONCE or time.monotonic() - self._stored > _SECONDS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._store(self._rows)
        self._rows, self._stored = [], time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._flush()


def _digest_file(path: str, key: str, stored: tuple[_State, str] | None, pending: _Pending) -> str:
    stat = os.stat(path)
    state = _State(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
    if stored and stored[0] == state:
        return stored[1]
    digest = sha256_file(Path(path))
    # A file written within the clock's resolution could change again and keep its time.
    if time.time() - max(stat.st_mtime, stat.st_ctime) > 2:
        pending.add({"path": key, "digest": digest, **state._asdict()})
    return digest


def _make_keys() -> Callable[[str], str]:
    """Return a function that makes a file's key: its path, with the links of its folder resolved.

    SQLite takes no bytes that are no UTF-8: they are written out.
    """
    resolve = functools.cache(os.path.realpath)

    def make_key(path: str) -> str:
        folder, _, name = path.rpartition("/")
        key = f"{resolve(folder or '/')}/{name}"
        return key if key.isascii() else key.encode(errors="backslashreplace").decode()

    return make_key
