"""Stores the ctime of input files with their digests; drops the digests, which are only a cache."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Drop the digests; their table is created again, with the new column."""
    if sa.inspect(op.get_bind()).has_table("file_digests"):
        op.drop_table("file_digests")
