"""What the ledger remembers of spans: those excluded by hand, and those that could not be read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from pipeline.storage.database import FILE, Database

_meta = sa.MetaData()
_excluded = sa.Table(
    "excluded_spans",
    _meta,
    sa.Column("pattern", sa.String, primary_key=True),  # absolute
    sa.Column("span", sa.String, primary_key=True),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("by", sa.String, nullable=False),
    sa.Column("time", sa.Float, nullable=False),  # seconds since the epoch
)
_unreadable = sa.Table(
    "unreadable_spans",
    _meta,
    sa.Column("pattern", sa.String, primary_key=True),
    sa.Column("span", sa.String, primary_key=True),
    sa.Column("version", sa.Integer),
    sa.Column("stamp", sa.String, nullable=False),  # of the files that could not be read
    sa.Column("why", sa.String, nullable=False),
    sa.Column("time", sa.Float, nullable=False),
)


@dataclass(frozen=True, kw_only=True)
class Excluded:
    """A span that somebody left out of all windows."""

    pattern: str
    span: str
    reason: str
    by: str
    time: float  # seconds since the epoch


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A span whose files, as they were, could not be ingested."""

    pattern: str
    span: str
    version: int | None
    stamp: str
    why: str
    time: float  # seconds since the epoch


@dataclass(frozen=True, kw_only=True)
class Notes:
    """All that is remembered of a pattern's spans, by their names."""

    excluded: dict[str, Excluded]
    unreadable: dict[str, Unreadable]


class SpanStore(Database):
    """Notes on the spans of patterns."""

    metadata = _meta

    def exclude(self, note: Excluded) -> None:
        """Leave a span out of all windows; a later reason takes the place of an earlier one."""
        self._enter(_excluded, asdict(note))

    def unreadable(self, note: Unreadable) -> None:
        """Leave a span out for as long as its files are as they were."""
        self._enter(_unreadable, asdict(note))

    def include(self, pattern: str, span: str) -> bool:
        """Forget both; whether there was anything to forget."""
        with self._writing() as db:
            deleted = [
                db.execute(
                    sa.delete(table).where(table.c.pattern == pattern, table.c.span == span)
                ).rowcount
                for table in (_excluded, _unreadable)
            ]
        return any(deleted)

    def notes(self, pattern: str) -> Notes:
        """What is remembered of the pattern's spans."""
        with self._reading() as db:
            excluded, unreadable = (
                [
                    row._mapping
                    for row in db.execute(table.select().where(table.c.pattern == pattern))
                ]
                for table in (_excluded, _unreadable)
            )
        return Notes(
            excluded={row["span"]: Excluded(**row) for row in excluded},
            unreadable={row["span"]: Unreadable(**row) for row in unreadable},
        )

    def _enter(self, table: sa.Table, values: dict[str, object]) -> None:
        with self._writing() as db:
            db.execute(
                insert(table)
                .values(**values)
                .on_conflict_do_update(["pattern", "span"], set_=values)
            )


def notes_of(root: Path, pattern: str) -> Notes:
    """What a root's ledger remembers of a pattern's spans; of a root in which nothing ran, nothing.

    Raises:
        EnvironmentTrouble: the ledger cannot be used.
    """
    if not (root / FILE).is_file():
        return Notes(excluded={}, unreadable={})
    with SpanStore(root) as store:
        return store.notes(pattern)
