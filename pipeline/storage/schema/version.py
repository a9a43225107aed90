"""Checks a ledger's schema version: creates the current, migrates older, refuses newer schemas.

The number is stored where Alembic stores it, but read without Alembic, which is imported only for a
migration.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from pathlib import Path

import sqlalchemy as sa

from data.errors import EnvironmentTrouble
from data.files.durable_files import fsync_path

CURRENT = "0003"  # the last one in `versions`
_NUMBER = """
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)"""
_log = logging.getLogger("penstock")


def bring_up_to_date(engine: sa.Engine, path: Path) -> None:
    """Create or migrate a ledger's schema; a killed migration changes nothing.

    Raises:
        EnvironmentTrouble: the schema is newer than this Penstock, or the file is not a ledger.
        sqlalchemy.exc.DatabaseError, sqlite3.Error: the file cannot be read or written.
    """
    with engine.connect() as db:
        if _version(db) == CURRENT:
            return
    with engine.connect() as db:
        db.exec_driver_sql("BEGIN IMMEDIATE")  # takes the write lock
        version = _version(db)
        if version == CURRENT:  # another process has migrated it meanwhile
            return
        if version is None and not sa.inspect(db).get_table_names():
            db.exec_driver_sql(_NUMBER)
            db.execute(sa.text("INSERT INTO alembic_version VALUES (:today)"), {"today": CURRENT})
        else:
            refuse_newer(version, path)
            _migrate(db, path)
        db.commit()


def check_version(db: sa.Connection, path: Path) -> None:
    """Raise EnvironmentTrouble if a newer Penstock has migrated an open ledger."""
    version = _version(db)
    if version != CURRENT:
        refuse_newer(version, path)


def refuse_newer(version: str | None, path: Path) -> None:
    """Raise EnvironmentTrouble for a version that this Penstock does not know."""
    if version is None or (version.isdigit() and int(version) <= int(CURRENT)):
        return
    raise EnvironmentTrouble(
        f"the ledger {path} was written by a newer Penstock",
        expected=f"schema {CURRENT} or older",
        got=f"schema {version}",
        follows="nothing was changed in it",
        remedy="use the newer Penstock, and restart the daemons of this one; or use another root, "
        "with --root DIR",
    )


def _version(db: sa.Connection) -> str | None:
    """Read the version; None for a ledger that is empty, or older than versions."""
    try:
        number = db.exec_driver_sql("SELECT max(version_num) FROM alembic_version").scalar()
        return None if number is None else str(number)
    except sa.exc.OperationalError as error:
        if "no such table" in str(error.orig):
            return None
        raise


def _migrate(db: sa.Connection, path: Path) -> None:
    from pipeline.storage.schema.migrate import migrate

    copy = _back_up(path)
    migrate(db)
    _log.warning(
        "the ledger %s now has schema %s; a copy from before is in %s", path, CURRENT, copy
    )


def _back_up(path: Path) -> Path:
    """Copy a ledger to a file beside it, while others may read but not write it."""
    copy = path.with_name(f"{path.stem}-before-{CURRENT}{path.suffix}")
    temporary = copy.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)  # left by a process that was killed
    with (
        contextlib.closing(sqlite3.connect(path)) as source,
        contextlib.closing(sqlite3.connect(temporary)) as target,
    ):
        source.backup(target)
    fsync_path(temporary)
    temporary.replace(copy)
    fsync_path(path.parent)
    return copy
