"""Opens the SQLite file of a root, in which the ledger and the schedules keep their tables."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import sqlalchemy as sa

from data.base.waits import SECONDS
from data.errors import ConfigError
from data.files.durable_files import translate_disk_errors
from data.files.private_files import make_private, touch_private
from pipeline.storage.schema.trouble import explain
from pipeline.storage.schema.version import bring_up_to_date, check_version

FILE = "ledger.sqlite"
Record = TypeVar("Record")
Value = TypeVar("Value")


class Database:
    """Opens, and creates on first use, `<root>/ledger.sqlite`, with the tables of `metadata`.

    A ledger with an older schema is migrated first, see `schema.version`.

    Args:
        root: the folder that holds the file.
        patience: seconds to wait for another process's write; None: the wait named `LEDGER`.

    Raises:
        EnvironmentTrouble: the file cannot be opened, is not a ledger, has a newer schema, or stays
            locked.
    """

    metadata: ClassVar[sa.MetaData]

    def __init__(self, root: Path, *, patience: float | None = None) -> None:
        self.path = root / FILE
        with contextlib.suppress(OSError):  # SQLite reports it below
            touch_private(self.path)  # SQLite's files beside it get the same mode
            make_private(*root.glob(f"{FILE}*"))
        self._engine = sa.create_engine(
            f"sqlite:///{self.path}",
            connect_args={"timeout": SECONDS["LEDGER"] if patience is None else patience},
            poolclass=sa.NullPool,  # no connection stays open between two calls
        )
        with self._trouble(), translate_disk_errors(f"the ledger {self.path} cannot be copied"):
            bring_up_to_date(self._engine, self.path)
        with self._writing() as db:
            for table in self.metadata.sorted_tables:  # not create_all: others may start now
                db.execute(sa.schema.CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    db.execute(sa.schema.CreateIndex(index, if_not_exists=True))

    @classmethod
    def existing(cls, root: Path) -> Self:
        """Open the ledger of a root; unlike the constructor, do not create one.

        Raises:
            ConfigError: the root has no ledger.
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
        """Open one transaction, which begins with the first statement."""
        with self._trouble(), self._engine.begin() as db:
            check_version(db, self.path)
            yield db

    def _read(self, record: type[Record], query: sa.Select[Any]) -> list[Record]:
        """The rows of a query, as objects of the dataclass `record`."""
        with self._reading() as db:
            return [record(**row._mapping) for row in db.execute(query)]

    def _read_value(self, query: sa.Select[Value]) -> Value | None:
        """The first value of a query; None where it has no rows."""
        with self._reading() as db:
            return db.execute(query).scalar()

    @contextlib.contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.IntegrityError:
            raise  # a bug in Penstock
        except (sa.exc.DatabaseError, sqlite3.Error) as error:
            cause = error if isinstance(error, sqlite3.Error) else error.orig
            raise explain(self.path, cause) from error
