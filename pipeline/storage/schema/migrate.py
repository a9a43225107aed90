"""Runs the migrations that a ledger lacks, by Alembic, in the transaction that its caller began."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

VERSIONS = Path(__file__).with_name("versions")


def scripts() -> ScriptDirectory:
    """All migrations, in `versions`."""
    return ScriptDirectory(str(VERSIONS.parent), version_locations=[str(VERSIONS)])


def migrate(db: sa.Connection, to: str = "head") -> None:
    """Bring a ledger to the version `to`.

    Raises:
        EnvironmentTrouble: what lies there is no ledger of the version that it says.
    """
    found = scripts()

    def missing(now: Any, _: MigrationContext) -> Any:
        return found._upgrade_revs(to, now)

    context = MigrationContext.configure(connection=db, opts={"fn": missing})
    with Operations.context(context):
        context.run_migrations()
