"""Digests of input files are remembered by the time of their last change as well.

They are a cache: files are read again, once.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    if sa.inspect(op.get_bind()).has_table("file_digests"):
        op.drop_table("file_digests")
