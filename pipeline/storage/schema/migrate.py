"""Runs the migrations that a ledger lacks, by Alembic, within the caller's transaction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

VERSIONS = Path(__file__).with_name("versions")


def load_migrations() -> ScriptDirectory:
    """Load all migrations, from `versions`."""
    return ScriptDirectory(str(VERSIONS.parent), version_locations=[str(VERSIONS)])


def migrate(db: sa.Connection, to: str = "head") -> None:
    """Migrate a ledger to the version `to`.

    Raises:
        EnvironmentTrouble: the tables are not those of the version that the ledger has.
    """
    migrations = load_migrations()

    def missing_migrations(now: Any, _: MigrationContext) -> Any:
        return migrations._upgrade_revs(to, now)

    context = MigrationContext.configure(connection=db, opts={"fn": missing_migrations})
    with Operations.context(context):
        context.run_migrations()
