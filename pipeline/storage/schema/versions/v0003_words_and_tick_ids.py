"""Renames statuses, kinds of ticks and two columns, and gives each tick an integer id."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_STATEMENTS = {  # by the table that they need
    "runs": ["UPDATE runs SET status = 'completed' WHERE status = 'done'"],
    "executions": [
        "UPDATE executions SET status = 'completed' WHERE status = 'made'",
        "UPDATE executions SET status = 'cached' WHERE status = 'reused'",
    ],
    "lineage": ['ALTER TABLE lineage RENAME COLUMN place TO "index"'],
    "daemons": ["ALTER TABLE daemons RENAME COLUMN seen TO last_seen"],
    "ticks": [
        """CREATE TABLE new_ticks (
            id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
            schedule VARCHAR NOT NULL, due FLOAT NOT NULL, kind VARCHAR NOT NULL, outcome VARCHAR,
            run_id VARCHAR, verdict VARCHAR, detail VARCHAR NOT NULL, claimed FLOAT NOT NULL,
            launched FLOAT, ended FLOAT, attempts INTEGER NOT NULL, data_key VARCHAR,
            pushed BOOLEAN NOT NULL, times INTEGER NOT NULL, until FLOAT
        )""",
        """INSERT INTO new_ticks SELECT
            NULL, schedule, due,
            CASE kind WHEN 'due' THEN 'scheduled' WHEN 'by hand' THEN 'manual' ELSE kind END,
            CASE outcome WHEN 'ran' THEN 'completed' ELSE outcome END,
            run_id, verdict, detail, claimed, launched, ended, attempts, data_key, pushed, times,
            until
        FROM ticks ORDER BY claimed, due""",
        "DROP TABLE ticks",  # with its index, which is created when schedules are opened
        "ALTER TABLE new_ticks RENAME TO ticks",
    ],
}


def upgrade() -> None:
    """Run the statements of those tables that the ledger has."""
    connection = op.get_bind()
    tables = sa.inspect(connection).get_table_names()
    for table, statements in _STATEMENTS.items():
        for statement in statements if table in tables else ():
            connection.exec_driver_sql(statement)
