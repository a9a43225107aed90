"""Digests of input files, remembered in the ledger: a file is read again only when it changed."""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy.dialects.sqlite import insert

from data.base.durable_files import sha256_file
from data.errors import EnvironmentTrouble
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
        try:
            return self._digest_file(path)
        except OSError as error:
            raise EnvironmentTrouble(
                f"{path} cannot be read",
                got=error.strerror,
                follows="nothing ran",
                remedy="mend its permissions or the disk, then run the same command again",
            ) from error

    def _digest_file(self, path: Path) -> str:
        stat = path.stat()
        seen = {
            "size": stat.st_size,
            "mtime_ns": stat.st_mtime_ns,
            "ctime_ns": stat.st_ctime_ns,
            "inode": stat.st_ino,
        }
        key = str(path.resolve())
        with self._reading() as db:
            row = db.execute(
                tables.file_digests.select().where(tables.file_digests.c.path == key)
            ).first()
            if row and all(row._mapping[name] == value for name, value in seen.items()):
                return str(row.digest)
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
        return digest
