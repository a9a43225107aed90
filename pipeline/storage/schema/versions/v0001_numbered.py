"""A ledger from before schemas had numbers gets one, if it has all that its tables had then."""

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
    """Raises EnvironmentTrouble where a table lacks a column, or there is none of a ledger's."""
    tables = sa.inspect(op.get_bind())
    ours = [name for name in _COLUMNS if tables.has_table(name)]
    if not ours:
        raise _no_ledger(f"the tables {', '.join(tables.get_table_names())}")
    for name in ours:
        columns = {column["name"] for column in tables.get_columns(name)}
        lacking = [column for column in _COLUMNS[name].split() if column not in columns]
        if lacking:
            raise _no_ledger(f"a table {name!r} without {', '.join(lacking)}")


def _no_ledger(got: str) -> EnvironmentTrouble:
    return EnvironmentTrouble(
        f"{op.get_bind().engine.url.database} is no ledger that this Penstock knows",
        expected="a ledger's tables with all their columns",
        got=got,
        follows="nothing was changed in it",
        remedy="take back a copy of it, or the Penstock that wrote it; else move it away: "
        "artifacts are kept and found again; past runs and schedules are forgotten",
    )
