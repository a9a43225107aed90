"""Digest input files, and store the digests in the ledger: a file is read when it changed."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.dialects.sqlite import insert

from data.files.durable_files import sha256_file
from data.files.file_states import translate_read_errors
from pipeline.storage import tables
from pipeline.storage.database import Database


class FileDigests(Database):
    """Digests by path, size, times and inode.

    The ctime is among the times: a program can set the mtime back, and a file system may give a new
    file the inode of one that was removed.
    """

    metadata = tables.meta

    def digest_file(self, path: Path) -> str:
        """Return the sha256 of a file; it is read only when size, a time or inode changed.

        Raises:
            EnvironmentTrouble: the file cannot be read.
        """
        with translate_read_errors(path):
            return self._digest_file(path)

    def _digest_file(self, path: Path) -> str:
        stat = path.stat()
        state = {
            "size": stat.st_size,
            "mtime_ns": stat.st_mtime_ns,
            "ctime_ns": stat.st_ctime_ns,
            "inode": stat.st_ino,
        }
        key = str(path.resolve())
        row = self._find_row(key)
        if row and all(row[name] == value for name, value in state.items()):
            return str(row["digest"])
        digest = sha256_file(path)
        # A file written within the clock's resolution could change again and keep its time.
        if time.time() - max(stat.st_mtime, stat.st_ctime) > 2:
            values = {"path": key, "digest": digest, **state}
            with self._writing() as db:
                db.execute(
                    insert(tables.file_digests)
                    .values(**values)
                    .on_conflict_do_update(["path"], set_=values)
                )
            self._rows[key.rpartition("/")[0]][key] = values
        return digest

    @functools.cached_property
    def _rows(self) -> dict[str, dict[str, Mapping[Any, Any]]]:
        """Folder → path → row, of the folders that were read."""
        return {}

    def _find_row(self, path: str) -> Mapping[Any, Any] | None:
        """Find a file's row; the ledger is read once for all files of a folder."""
        folder = path.rpartition("/")[0]
        if folder not in self._rows:
            table = tables.file_digests
            inside = (table.c.path > f"{folder}/") & (table.c.path < f"{folder}0")  # 0 follows /
            with self._reading() as db:
                rows = db.execute(table.select().where(inside)).mappings()
                self._rows[folder] = {row["path"]: row for row in rows}
        return self._rows[folder].get(path)
