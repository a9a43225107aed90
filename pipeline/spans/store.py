"""Store notes on spans in the ledger: excluded by a person, unreadable, or with a wrong clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from pipeline.storage.database import FILE, Database
from pipeline.storage.tables import columns_of


@dataclass(frozen=True, kw_only=True)
class Excluded:
    """A span that a person excluded from all windows."""

    pattern: str  # absolute
    span: str
    reason: str
    by: str
    time: float  # seconds since the epoch


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A span whose files could not be ingested; other files count as a new span."""

    pattern: str
    span: str
    version: int | None
    stamp: str  # of the files that could not be read
    why: str
    time: float  # seconds since the epoch


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """Files of a span with times ahead of this machine's clock, and when they were first seen."""

    pattern: str
    path: str  # of a version of a span
    digest: str  # of its files, by name, size and times
    time: float  # seconds since the epoch


_meta = sa.MetaData()
_excluded = sa.Table("excluded_spans", _meta, *columns_of(Excluded, key=("pattern", "span")))
_unreadable = sa.Table("unreadable_spans", _meta, *columns_of(Unreadable, key=("pattern", "span")))
_sightings = sa.Table("span_sightings", _meta, *columns_of(Sighting, key=("pattern", "path")))


@dataclass(frozen=True, kw_only=True)
class Notes:
    """All notes on a pattern's spans: by span, and sightings by path."""

    excluded: dict[str, Excluded] = field(default_factory=dict)
    unreadable: dict[str, Unreadable] = field(default_factory=dict)
    sightings: dict[str, Sighting] = field(default_factory=dict)


class SpanStore(Database):
    """Notes on the spans of patterns."""

    metadata = _meta

    def exclude(self, note: Excluded) -> None:
        """Exclude a span from all windows; a later reason replaces an earlier one."""
        self._upsert(_excluded, [asdict(note)])

    def mark_unreadable(self, note: Unreadable) -> None:
        """Leave a span out of all windows until its files change."""
        self._upsert(_unreadable, [asdict(note)])

    def add_sightings(self, notes: Sequence[Sighting]) -> None:
        """Store when files were first seen as they are."""
        self._upsert(_sightings, [asdict(note) for note in notes])

    def include(self, pattern: str, span: str) -> bool:
        """Delete the notes that leave a span out. Returns whether there were any."""
        with self._writing() as db:
            deleted = [
                db.execute(
                    sa.delete(table).where(table.c.pattern == pattern, table.c.span == span)
                ).rowcount
                for table in (_excluded, _unreadable)
            ]
        return any(deleted)

    def notes(self, pattern: str) -> Notes:
        """Read the notes on a pattern's spans."""
        with self._reading() as db:
            excluded, unreadable, sightings = (
                [
                    row._mapping
                    for row in db.execute(table.select().where(table.c.pattern == pattern))
                ]
                for table in (_excluded, _unreadable, _sightings)
            )
        return Notes(
            excluded={row["span"]: Excluded(**row) for row in excluded},
            unreadable={row["span"]: Unreadable(**row) for row in unreadable},
            sightings={row["path"]: Sighting(**row) for row in sightings},
        )

    def _upsert(self, table: sa.Table, rows: list[dict[str, object]]) -> None:
        statement = insert(table)
        key = [column.name for column in table.primary_key]
        values = {name: statement.excluded[name] for name in rows[0] if name not in key}
        with self._writing() as db:
            db.execute(statement.on_conflict_do_update(key, set_=values), rows)


def read_notes(root: Path, pattern: str) -> Notes:
    """Read the notes on a pattern's spans in a root's ledger; none where nothing ran.

    Raises:
        EnvironmentTrouble: the ledger cannot be used.
    """
    if not (root / FILE).is_file():
        return Notes()
    with SpanStore(root) as store:
        return store.notes(pattern)


def remember_sightings(root: Path, sightings: Sequence[Sighting]) -> None:
    """Store sightings in the ledger of a root in which something ran; raises as `read_notes`."""
    if (root / FILE).is_file():
        with SpanStore(root) as store:
            store.add_sightings(sightings)
