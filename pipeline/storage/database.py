"""The SQLite file of a root, in which the ledger and all that rests on it keep their tables."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Self

import sqlalchemy as sa

from data.base.waits import SECONDS
from data.errors import ConfigError
from data.files.durable_files import translate_disk_errors
from data.files.private_files import make_private, touch_private
from pipeline.storage.schema.trouble import explain
from pipeline.storage.schema.version import bring_up_to_date, check_version

FILE = "ledger.sqlite"


class Database:
    """Opens, and creates on first use, `<root>/ledger.sqlite`, with the tables of `metadata`.

    One that an older Penstock made is migrated first, see `schema.version`.

    Args:
        root: the folder it lies in.
        patience: seconds to wait for another process's write; None: as `LEDGER` among the waits.

    Raises:
        EnvironmentTrouble: the file cannot be opened, is no ledger, is newer, or stays locked.
    """

    metadata: ClassVar[sa.MetaData]

    def __init__(self, root: Path, *, patience: float | None = None) -> None:
        self.path = root / FILE
        with contextlib.suppress(OSError):  # SQLite says it in its own words
            touch_private(self.path)  # what SQLite puts beside it has the same mode
            make_private(*root.glob(f"{FILE}*"))
        self._engine = sa.create_engine(
            f"sqlite:///{self.path}",
            connect_args={"timeout": SECONDS["LEDGER"] if patience is None else patience},
            poolclass=sa.NullPool,  # nothing is open between two calls, in whatever thread
        )
        with self._trouble(), translate_disk_errors(f"the ledger {self.path} cannot be copied"):
            bring_up_to_date(self._engine, self.path)
        with self._writing() as db:
            for table in self.metadata.sorted_tables:  # not create_all: two may start at once
                db.execute(sa.schema.CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    db.execute(sa.schema.CreateIndex(index, if_not_exists=True))

    @classmethod
    def existing(cls, root: Path) -> Self:
        """Opens the ledger of a root in which something ran.

        Raises:
            ConfigError: there is none.
        """
        if not (root / FILE).is_file():
            raise ConfigError(
                f"nothing ran in {root} yet",
                expected="a root in which a pipeline ran",
                remedy="penstock run digits, or name another root with --root DIR",
            )
        return cls(root)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._trouble(), self._engine.connect() as db:
            check_version(db, self.path)
            yield db

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """One transaction, begun with the first statement."""
        with self._trouble(), self._engine.begin() as db:
            check_version(db, self.path)
            yield db

    @contextlib.contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.IntegrityError:
            raise  # a bug of ours
        except (sa.exc.DatabaseError, sqlite3.Error) as error:
            cause = error if isinstance(error, sqlite3.Error) else error.orig
            raise explain(self.path, cause) from error
