"""Numbers the schema of a ledger without a number, after a check of its tables and columns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from data.errors import EnvironmentTrouble

revision = "0001"
down_revision = None

_COLUMNS = {
    "runs": "id pipeline status verdict exit_code started seconds config",
    "executions": "run_id step component fingerprint status seconds error",
    "artifacts": "fingerprint output type facts",
    "models": "digest fingerprint",
    "lineage": "fingerprint input place source output",
    "pushes": "run_id digest version served_path time by reason rules",
    "trusted_models": "digest path time by",
    "file_digests": "path size mtime_ns inode digest",
    "schedules": "name recipe trigger created folder settings config_file serving beam_args "
    "shared_filesystem overlap missed grace fresh_within max_failures notify paused first_due "
    "next_due failures last_success alarmed",
    "ticks": "schedule due kind outcome run_id verdict detail claimed launched ended attempts "
    "data_key pushed times until",
    "freshness_alarms": "schedule deadline raised cleared",
    "daemons": "id started seen",
    "excluded_spans": "pattern span reason by time",
    "unreadable_spans": "pattern span version stamp why time",
}


def upgrade() -> None:
    """Check the tables. Raises EnvironmentTrouble if one lacks a column, or none is a ledger's."""
    tables = sa.inspect(op.get_bind())
    present = [name for name in _COLUMNS if tables.has_table(name)]
    if not present:
        raise _unknown_ledger(f"the tables {', '.join(tables.get_table_names())}")
    for name in present:
        columns = {column["name"] for column in tables.get_columns(name)}
        missing = [column for column in _COLUMNS[name].split() if column not in columns]
        if missing:
            raise _unknown_ledger(f"a table {name!r} without {', '.join(missing)}")


def _unknown_ledger(got: str) -> EnvironmentTrouble:
    return EnvironmentTrouble(
        f"{op.get_bind().engine.url.database} is not a ledger that this Penstock knows",
        expected="the tables of a ledger with all their columns",
        got=got,
        follows="nothing was changed in it",
        remedy="restore a copy of it, or use the Penstock that wrote it; else move it away: "
        "artifacts are kept and stay cached; past runs and schedules are lost",
    )
