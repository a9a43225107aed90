"""The ledger: which runs there were, what each step did, what came out, and out of what.

SQLAlchemy Core on SQLite. The artifacts on disk are the truth about what can be reused; the
ledger is the memory of how they came about.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from data.durable import sha256_file
from data.errors import ConfigError, EnvironmentTrouble, did_you_mean
from pipeline.database import Database

RunStatus = Literal[
    "running",
    "submitted",  # to a cluster; nobody has asked yet what came of it
    "done",
    "failed",
    "interrupted",
    "killed",
    "cancelled",  # on the cluster
    "unknown",  # the cluster does not answer
]
StepStatus = Literal["made", "reused", "failed", "interrupted"]

_meta = sa.MetaData()
_runs = sa.Table(
    "runs",
    _meta,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("pipeline", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("verdict", sa.String),
    sa.Column("exit_code", sa.Integer),
    sa.Column("started", sa.Float, nullable=False),  # seconds since the epoch
    sa.Column("seconds", sa.Float),
    sa.Column("config", sa.JSON, nullable=False),
)
_executions = sa.Table(
    "executions",
    _meta,
    sa.Column("run_id", sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("step", sa.String, primary_key=True),
    sa.Column("component", sa.String, nullable=False),
    sa.Column("fingerprint", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("error", sa.String),
)
_artifacts = sa.Table(
    "artifacts",
    _meta,
    sa.Column("fingerprint", sa.String, primary_key=True),
    sa.Column("output", sa.String, primary_key=True),
    sa.Column("type", sa.String, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
)
_lineage = sa.Table(
    "lineage",
    _meta,
    sa.Column("fingerprint", sa.String, primary_key=True),
    sa.Column("input", sa.String, primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True),  # where the input is a list
    sa.Column("source", sa.String, nullable=False),  # fingerprint of the step that made it
    sa.Column("output", sa.String, nullable=False),
)
_pushes = sa.Table(  # by `penstock push`: those of runs are artifacts
    "pushes",
    _meta,
    sa.Column("run_id", sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("digest", sa.String, nullable=False),  # of the model's bundle
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("served_path", sa.String, primary_key=True),
    sa.Column("time", sa.Float, nullable=False),  # seconds since the epoch
    sa.Column("by", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("rules", sa.JSON, nullable=False),  # those that were overridden
)
_file_digests = sa.Table(
    "file_digests",
    _meta,
    sa.Column("path", sa.String, primary_key=True),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("mtime_ns", sa.Integer, nullable=False),
    sa.Column("inode", sa.Integer, nullable=False),
    sa.Column("digest", sa.String, nullable=False),
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One row of `penstock runs`. `started` is in seconds since the epoch."""

    id: str
    pipeline: str
    status: RunStatus
    started: float
    config: dict[str, Any]
    verdict: str | None = None
    exit_code: int | None = None
    seconds: float | None = None


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


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """One input of an artifact."""

    input: str
    place: int
    source: str
    output: str


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """A push that somebody made by hand, perhaps against the verdict."""

    run_id: str
    digest: str
    version: int
    served_path: str
    time: float  # seconds since the epoch
    by: str
    reason: str
    rules: list[str]


class Ledger(Database):
    """Runs, executions, artifacts, lineage and pushes of a root."""

    metadata = _meta

    def start_run(self, run: Run) -> None:
        with self._writing() as db:
            db.execute(_runs.insert().values(**asdict(run)))

    def finish_run(self, run: Run) -> None:
        with self._writing() as db:
            db.execute(_runs.update().where(_runs.c.id == run.id).values(**asdict(run)))

    def record(
        self,
        execution: Execution,
        artifacts: Mapping[str, tuple[str, Any]],
        lineage: Sequence[Lineage],
    ) -> None:
        """Enter what a step did; `artifacts` maps an output to its type and facts."""
        key = {"fingerprint": execution.fingerprint}
        made = [
            {**key, "output": output, "type": kind, "facts": facts}
            for output, (kind, facts) in artifacts.items()
        ]
        with self._writing() as db:
            db.execute(sa.delete(_executions).where(_of(execution)))  # a runner may try again
            db.execute(insert(_executions).values(**asdict(execution)))
            for table, rows in (
                (_artifacts, made),
                (_lineage, [{**key, **asdict(x)} for x in lineage]),
            ):
                if rows:
                    db.execute(sa.delete(table).where(table.c.fingerprint == execution.fingerprint))
                    db.execute(insert(table), rows)

    def runs(self, limit: int = 20) -> list[Run]:
        """The latest runs, the newest first."""
        with self._reading() as db:
            query = _runs.select().order_by(_runs.c.started.desc()).limit(limit)
            return [Run(**row._mapping) for row in db.execute(query)]

    def running(self) -> list[Run]:
        """The runs that have not said that they ended."""
        with self._reading() as db:
            query = _runs.select().where(_runs.c.status == "running")
            return [Run(**row._mapping) for row in db.execute(query)]

    def run(self, run_id: str) -> Run | None:
        """The run with this id, or the only one whose id begins or ends so; else None."""
        if run_id == "latest":
            return next(iter(self.runs(1)), None)
        with self._reading() as db:
            exact = [
                Run(**r._mapping) for r in db.execute(_runs.select().where(_runs.c.id == run_id))
            ]
            like = _runs.c.id.startswith(run_id, autoescape=True) | _runs.c.id.endswith(
                run_id, autoescape=True
            )
            found = exact or [Run(**r._mapping) for r in db.execute(_runs.select().where(like))]
            return found[0] if len(found) == 1 else None

    def find_run(self, run_id: str) -> Run:
        """As `run`. Raises ConfigError, with the close matches, where it finds none."""
        found = self.run(run_id)
        if found is None:
            known = [run.id for run in self.runs(200)]
            raise ConfigError(
                f"no run {run_id!r} in {self.path.parent}", remedy=did_you_mean(run_id, known)
            )
        return found

    def record_push(self, push: Pushed) -> None:
        """Enter a push that somebody made by hand."""
        with self._writing() as db:
            values = asdict(push)
            db.execute(insert(_pushes).values(**values).on_conflict_do_nothing())

    def pushes(self, digest: str) -> list[Pushed]:
        """The pushes of a model that somebody made by hand, the earliest first."""
        query = _pushes.select().where(_pushes.c.digest == digest).order_by(_pushes.c.time)
        with self._reading() as db:
            return [Pushed(**row._mapping) for row in db.execute(query)]

    def last_push(self, pipeline: str) -> Run | None:
        """The last run of this pipeline whose model was pushed, by the run itself or by hand."""
        by_run = (
            sa.select(_executions.c.run_id)
            .join(_artifacts, _artifacts.c.fingerprint == _executions.c.fingerprint)
            .where(_executions.c.status.in_(("made", "reused")), _artifacts.c.type == "Push")
            .where(_artifacts.c.facts["pushed"].as_boolean())
        )
        query = (
            _runs.select()
            .where(_runs.c.pipeline == pipeline)
            .where(_runs.c.id.in_(by_run) | _runs.c.id.in_(sa.select(_pushes.c.run_id)))
            .order_by(_runs.c.started.desc())
            .limit(1)
        )
        with self._reading() as db:
            row = db.execute(query).first()
            return Run(**row._mapping) if row else None

    def executions(self, run_id: str) -> list[Execution]:
        """What each step did, in the order in which they ended."""
        query = (
            _executions.select().where(_executions.c.run_id == run_id).order_by(sa.text("rowid"))
        )
        with self._reading() as db:
            return [Execution(**row._mapping) for row in db.execute(query)]

    def artifacts(self, fingerprint: str) -> dict[str, tuple[str, Any]]:
        """Output -> (type, facts) of what a step made."""
        query = _artifacts.select().where(_artifacts.c.fingerprint == fingerprint)
        with self._reading() as db:
            return {row.output: (row.type, row.facts) for row in db.execute(query)}

    def lineage(self, fingerprint: str) -> list[Lineage]:
        """The inputs out of which a step made its artifacts."""
        query = _lineage.select().where(_lineage.c.fingerprint == fingerprint)
        with self._reading() as db:
            return [
                Lineage(input=row.input, place=row.place, source=row.source, output=row.output)
                for row in db.execute(query)
            ]

    def upstream(self, fingerprint: str) -> list[str]:
        """Fingerprints of all that a step's artifacts came out of, the nearest first."""
        found = [fingerprint]
        for known in found:  # grows as it is walked
            sources = dict.fromkeys(x.source for x in self.lineage(known))
            found += [source for source in sources if source not in found]
        return found[1:]

    def component(self, fingerprint: str) -> str | None:
        """The component of the step that has this fingerprint, by the executions."""
        query = sa.select(_executions.c.component).where(_executions.c.fingerprint == fingerprint)
        with self._reading() as db:
            return db.execute(query.limit(1)).scalar()

    def model(self, digest: str) -> str | None:
        """The fingerprint of the step that made the model whose bundle has this digest."""
        query = sa.select(_artifacts.c.fingerprint).where(
            _artifacts.c.type == "Model", _artifacts.c.facts["digest"].as_string() == digest
        )
        with self._reading() as db:
            return db.execute(query.limit(1)).scalar()

    def previous(self, pipeline: str, step: str) -> str | None:
        """The fingerprint that this step had when it last ended well in a run of this pipeline."""
        query = (
            sa.select(_executions.c.fingerprint)
            .join(_runs)
            .where(_runs.c.pipeline == pipeline, _executions.c.step == step)
            .where(_executions.c.status.in_(("made", "reused")))
            .order_by(_runs.c.started.desc())
            .limit(1)
        )
        with self._reading() as db:
            return db.execute(query).scalar()

    def digest_file(self, path: Path) -> str:
        """sha256 of a file's content; read again only when size, time or inode changed.

        Raises:
            EnvironmentTrouble: the file cannot be read.
        """
        try:
            return self._digest_file(path)
        except OSError as error:
            raise EnvironmentTrouble(
                f"{path} cannot be read",
                got=error.strerror,
                follows="nothing ran",
                remedy="mend its permissions or the disk, then run the same command again",
            ) from error

    def _digest_file(self, path: Path) -> str:
        stat = path.stat()
        seen = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "inode": stat.st_ino}
        key = str(path.resolve())
        with self._writing() as db:
            row = db.execute(_file_digests.select().where(_file_digests.c.path == key)).first()
            if row and all(row._mapping[name] == value for name, value in seen.items()):
                return str(row.digest)
        digest = sha256_file(path)
        # a file written to within the clock's grain could change again and keep its time
        if time.time() - stat.st_mtime > 2:
            values = {"path": key, "digest": digest, **seen}
            with self._writing() as db:
                db.execute(
                    insert(_file_digests)
                    .values(**values)
                    .on_conflict_do_update(["path"], set_=values)
                )
        return digest


def _of(execution: Execution) -> sa.ColumnElement[bool]:
    return (_executions.c.run_id == execution.run_id) & (_executions.c.step == execution.step)
