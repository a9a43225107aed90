"""Defines the ledger's tables: a frozen dataclass for each row, and the table derived from it."""

from __future__ import annotations

import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from types import NoneType
from typing import Any, Literal

import sqlalchemy as sa

RunStatus = Literal[
    "running",
    "submitted",  # to a cluster; its end has not been looked up yet
    "completed",
    "failed",
    "interrupted",
    "killed",
    "cancelled",  # on the cluster
    "unknown",  # the cluster does not answer
]
StepStatus = Literal["completed", "cached", "failed", "interrupted"]
SUCCESSFUL: tuple[StepStatus, ...] = ("completed", "cached")  # the step's artifact is there


class TupleAsJson(sa.TypeDecorator[tuple[Any, ...]]):
    """Stores a tuple as a JSON list."""

    impl = sa.JSON
    cache_ok = True

    def process_bind_param(self, value: Any, _: object) -> Any:
        return list(value)

    def process_result_value(self, value: Any, _: object) -> Any:
        return tuple(value)


_SQL_TYPES = {
    str: sa.String,
    int: sa.Integer,
    float: sa.Float,
    bool: sa.Boolean,
    tuple: TupleAsJson,
}


def columns_of(
    record: type,
    *,
    key: Collection[str] = (),
    sql: Mapping[str, Any] | None = None,
    skip: Collection[str] = (),
) -> list[sa.Column[Any]]:
    """Derive a table's columns from a dataclass: one for each field, nullable if it may be None.

    Args:
        record: the dataclass.
        key: the fields of the primary key.
        sql: field → SQL type or foreign key, where the annotation does not say it. What is not a
            str, int, float, bool or tuple is stored as JSON.
        skip: fields that have no column.
    """
    hints = typing.get_type_hints(record)
    return [
        sa.Column(
            field.name,
            (sql or {}).get(field.name) or _sql_type(hints[field.name]),
            primary_key=field.name in key,
            nullable=field.name not in key and NoneType in typing.get_args(hints[field.name]),
        )
        for field in fields(record)
        if field.name not in skip
    ]


def _sql_type(hint: Any) -> type[sa.types.TypeEngine[Any]]:
    options = typing.get_args(hint)
    if NoneType in options:
        return _sql_type(next(option for option in options if option is not NoneType))
    kind = typing.get_origin(hint) or hint
    return _SQL_TYPES.get(type(options[0]) if kind is Literal else kind, sa.JSON)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of a pipeline."""

    id: str
    pipeline: str
    status: RunStatus
    verdict: str | None = None
    exit_code: int | None = None
    started: float  # seconds since the epoch
    seconds: float | None = None
    config: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Execution:
    """What one step did in one run."""

    run_id: str
    step: str
    component: str
    fingerprint: str
    status: StepStatus
    seconds: float
    error: str | None = None

    @property
    def succeeded(self) -> bool:
        return self.status in SUCCESSFUL


@dataclass(frozen=True, kw_only=True)
class ArtifactRow:
    """An output of a step."""

    fingerprint: str  # of the step
    output: str
    type: str
    facts: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ModelRow:
    """A model that a step produced; it stays when a later execution replaces the artifact."""

    digest: str  # of the model's bundle
    fingerprint: str  # of the step


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """One input of an artifact."""

    input: str
    index: int  # in the input, where that is a list
    source: str  # fingerprint of the step that produced it
    output: str  # of that step


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """A manual push, which may overrule the verdict. A run's own push is an artifact."""

    run_id: str
    digest: str  # of the model's bundle
    version: int
    served_path: str
    time: float  # seconds since the epoch
    by: str
    reason: str
    rules: dict[str, str]  # the rules that were overruled: name → what it needed


@dataclass(frozen=True, kw_only=True)
class Trusted:
    """A model from elsewhere that this root may load."""

    digest: str  # of all its bytes, see `serving_export.bundle.model_trust`
    path: str  # where it lay when it was trusted; the digest is what counts
    time: float  # seconds since the epoch
    by: str


@dataclass(frozen=True, kw_only=True)
class FileDigest:
    """The digest of an input file, and the facts by which a change of the file is noticed."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    digest: str


meta = sa.MetaData()


def _table(
    name: str, record: type, key: Collection[str], sql: Mapping[str, Any] | None = None
) -> sa.Table:
    return sa.Table(name, meta, *columns_of(record, key=key, sql=sql))


runs = _table("runs", Run, ("id",))
executions = _table(
    "executions", Execution, ("run_id", "step"), {"run_id": sa.ForeignKey("runs.id")}
)
artifacts = _table("artifacts", ArtifactRow, ("fingerprint", "output"))
models = _table("models", ModelRow, ("digest",))
lineage = sa.Table(
    "lineage",
    meta,
    sa.Column("fingerprint", sa.String, primary_key=True),  # of the step that has these inputs
    *columns_of(Lineage, key=("input", "index")),
)
pushes = _table("pushes", Pushed, ("run_id", "served_path"), {"run_id": sa.ForeignKey("runs.id")})
trusted_models = _table("trusted_models", Trusted, ("digest",))
file_digests = _table("file_digests", FileDigest, ("path",))
