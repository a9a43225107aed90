"""Columns follow from the fields of a dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest
import sqlalchemy as sa

from pipeline.schedule.ledger import tables as schedule_tables
from pipeline.spans.store import SpanStore
from pipeline.storage import tables
from pipeline.storage.tables import TupleAsJson, columns_of


@dataclass(frozen=True, kw_only=True)
class Row:
    name: str
    count: int
    share: float | None
    fits: bool
    state: Literal["on", "off"] | None = None
    words: tuple[str, ...] = ()
    facts: dict[str, Any]
    parent: str
    left_out: str = ""


def test_a_field_is_a_column_with_its_type():
    sql = {"parent": sa.ForeignKey("rows.name")}
    columns = {c.name: c for c in columns_of(Row, key=("name",), sql=sql, skip=("left_out",))}
    kinds = {name: type(column.type) for name, column in columns.items()}
    assert kinds == {
        "name": sa.String,
        "count": sa.Integer,
        "share": sa.Float,
        "fits": sa.Boolean,
        "state": sa.String,
        "words": TupleAsJson,
        "facts": sa.JSON,
        "parent": sa.types.NullType,  # that of the column to which it refers
    }
    assert [name for name, column in columns.items() if column.nullable] == ["share", "state"]
    assert [name for name, column in columns.items() if column.primary_key] == ["name"]
    assert columns["parent"].foreign_keys


def test_a_tuple_comes_back_as_a_tuple():
    engine, meta = sa.create_engine("sqlite://", poolclass=sa.NullPool), sa.MetaData()
    table = sa.Table("rows", meta, *columns_of(Row, key=("name",), skip=("left_out",)))
    row = {"name": "a", "count": 1, "share": None, "fits": True, "state": "on"}
    with engine.begin() as db:
        meta.create_all(db)
        db.execute(table.insert().values(**row, words=("x", "y"), facts={"z": [1]}, parent="a"))
        found = db.execute(table.select()).one()
    assert Row(**found._mapping) == Row(**row, words=("x", "y"), facts={"z": [1]}, parent="a")


@pytest.mark.parametrize(
    "meta",
    [tables.meta, schedule_tables.meta, SpanStore.metadata],
    ids=["ledger", "ticks", "spans"],
)
def test_each_table_has_a_primary_key_and_no_column_without_a_type(meta: sa.MetaData):
    for table in meta.sorted_tables:
        assert table.primary_key.columns
        assert not [c for c in table.columns if isinstance(c.type, sa.types.NullType)]
