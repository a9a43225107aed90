"""Which schema a ledger has: a new one gets today's, an older one is migrated, a newer one refused.

The number stands where Alembic keeps it, and is read without Alembic: that is imported only where
there is something to migrate.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from pathlib import Path

import sqlalchemy as sa

from data.errors import EnvironmentTrouble
from data.files.durable_files import fsync_path

TODAY = "0003"  # the last one in `versions`
_NUMBER = """
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)"""
_log = logging.getLogger("penstock")


def bring_up_to_date(engine: sa.Engine, path: Path) -> None:
    """Give a ledger today's schema, whatever older one it has; a killed migration changes nothing.

    Raises:
        EnvironmentTrouble: it is newer than this Penstock, or no ledger.
        sqlalchemy.exc.DatabaseError, sqlite3.Error: the file cannot be read or written.
    """
    with engine.connect() as db:
        if _version(db) == TODAY:
            return
    with engine.connect() as db:
        db.exec_driver_sql("BEGIN IMMEDIATE")  # from here on nobody else writes
        version = _version(db)
        if version == TODAY:  # by another process, in the meantime
            return
        if version is None and not sa.inspect(db).get_table_names():
            db.exec_driver_sql(_NUMBER)
            db.execute(sa.text("INSERT INTO alembic_version VALUES (:today)"), {"today": TODAY})
        else:
            refuse_newer(version, path)
            _migrate(db, path)
        db.commit()


def check_version(db: sa.Connection, path: Path) -> None:
    """Raise EnvironmentTrouble where a newer Penstock has migrated an open ledger."""
    version = _version(db)
    if version != TODAY:
        refuse_newer(version, path)


def refuse_newer(version: str | None, path: Path) -> None:
    """Raise EnvironmentTrouble for a version that is not among those that this Penstock knows."""
    if version is None or (version.isdigit() and int(version) <= int(TODAY)):
        return
    raise EnvironmentTrouble(
        f"the ledger {path} was written by a newer Penstock",
        expected=f"schema {TODAY} or older",
        got=f"schema {version}",
        follows="nothing was changed in it",
        remedy="use the newer Penstock, and start daemons of this one again; or name another root "
        "with --root DIR",
    )


def _version(db: sa.Connection) -> str | None:
    """None: the ledger has no number, being empty or older than numbers."""
    try:
        found = db.exec_driver_sql("SELECT max(version_num) FROM alembic_version").scalar()
        return None if found is None else str(found)
    except sa.exc.OperationalError as error:
        if "no such table" in str(error.orig):
            return None
        raise


def _migrate(db: sa.Connection, path: Path) -> None:
    from pipeline.storage.schema.migrate import migrate

    kept = _back_up(path)
    migrate(db)
    _log.warning(
        "the ledger %s now has schema %s; as it was before it lies in %s", path, TODAY, kept
    )


def _back_up(path: Path) -> Path:
    """A whole copy of a ledger beside it, which others may read meanwhile, but not write."""
    kept = path.with_name(f"{path.stem}-before-{TODAY}{path.suffix}")
    temporary = kept.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)  # of a process that was killed
    with (
        contextlib.closing(sqlite3.connect(path)) as source,
        contextlib.closing(sqlite3.connect(temporary)) as target,
    ):
        source.backup(target)
    fsync_path(temporary)
    temporary.replace(kept)
    fsync_path(path.parent)
    return kept
