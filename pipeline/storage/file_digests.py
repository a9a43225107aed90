"""Digests of input files, remembered in the ledger: a file is read again only when it changed."""

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
        """sha256 of a file's content; read again only when size, a time or inode changed.

        Raises:
            EnvironmentTrouble: the file cannot be read.
        """
        with translate_read_errors(path):
            return self._digest_file(path)

    def _digest_file(self, path: Path) -> str:
        stat = path.stat()
        seen = {
            "size": stat.st_size,
            "mtime_ns": stat.st_mtime_ns,
            "ctime_ns": stat.st_ctime_ns,
            "inode": stat.st_ino,
        }
        key = str(path.resolve())
        row = self._remembered(key)
        if row and all(row[name] == value for name, value in seen.items()):
            return str(row["digest"])
        digest = sha256_file(path)
        # a file written to within the clock's grain could change again and keep its time
        if time.time() - max(stat.st_mtime, stat.st_ctime) > 2:
            values = {"path": key, "digest": digest, **seen}
            with self._writing() as db:
                db.execute(
                    insert(tables.file_digests)
                    .values(**values)
                    .on_conflict_do_update(["path"], set_=values)
                )
            self._known[key.rpartition("/")[0]][key] = values
        return digest

    @functools.cached_property
    def _known(self) -> dict[str, dict[str, Mapping[Any, Any]]]:
        """Folder → path → row, of the folders that were asked about."""
        return {}

    def _remembered(self, path: str) -> Mapping[Any, Any] | None:
        """What is known of a file; the ledger is asked once for all that lie in its folder."""
        folder = path.rpartition("/")[0]
        if folder not in self._known:
            known = tables.file_digests
            inside = (known.c.path > f"{folder}/") & (known.c.path < f"{folder}0")  # 0 follows /
            with self._reading() as db:
                rows = db.execute(known.select().where(inside)).mappings()
                self._known[folder] = {row["path"]: row for row in rows}
        return self._known[folder].get(path)
