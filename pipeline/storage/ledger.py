"""The ledger: which runs there were, what each step did, what came out, and out of what.

SQLAlchemy Core on SQLite. The artifacts on disk are the truth about what can be reused; the
ledger is the memory of how they came about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from data.errors import ConfigError, did_you_mean
from pipeline.storage import tables
from pipeline.storage.file_digests import FileDigests
from pipeline.storage.trusted_models import TrustedModels

_LISTED = 8  # runs that an ambiguous id could mean

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


Ended = tuple[Execution, Mapping[str, tuple[str, Any]], Sequence[Lineage]]  # as `Ledger.record`


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
    rules: dict[str, str]  # those that were overruled, each with what it needed


class Ledger(FileDigests, TrustedModels):
    """Runs, executions, artifacts, lineage and pushes of a root, and what it may load of others."""

    metadata = tables.meta

    def start_run(self, run: Run) -> None:
        with self._writing() as db:
            db.execute(tables.runs.insert().values(**asdict(run)))

    def finish_run(self, run: Run) -> None:
        """Enter how a run stands; one that was cancelled stays so, whoever comes later."""
        update = tables.runs.update().where(tables.runs.c.id == run.id)
        if run.status != "cancelled":
            update = update.where(tables.runs.c.status != "cancelled")
        with self._writing() as db:
            db.execute(update.values(**asdict(run)))

    def record(
        self,
        execution: Execution,
        artifacts: Mapping[str, tuple[str, Any]],
        lineage: Sequence[Lineage],
    ) -> None:
        """Enter what a step did; `artifacts` maps an output to its type and facts.

        Those of a cached step are entered where they are not known: of a ledger that was lost.
        """
        self.record_all([(execution, artifacts, lineage)])

    def record_all(self, ended: Sequence[Ended]) -> None:
        """Enter what several steps did, in the order in which they ended, or nothing of it."""
        with self._writing() as db:
            for one in ended:
                _record(db, *one)

    def runs(self, limit: int = 20) -> list[Run]:
        """The latest runs, the newest first."""
        with self._reading() as db:
            query = tables.runs.select().order_by(tables.runs.c.started.desc()).limit(limit)
            return [Run(**row._mapping) for row in db.execute(query)]

    def running(self) -> list[Run]:
        """The runs that have not said that they ended."""
        with self._reading() as db:
            query = tables.runs.select().where(tables.runs.c.status == "running")
            return [Run(**row._mapping) for row in db.execute(query)]

    def run(self, run_id: str) -> Run | None:
        """The run with this id, or the only one whose id begins or ends so; else None."""
        runs = self._matching_runs(run_id)
        return runs[0] if len(runs) == 1 else None

    def _matching_runs(self, run_id: str) -> list[Run]:
        """The run with this id, else those whose id begins or ends so, the newest first."""
        if run_id == "latest":
            return self.runs(1)
        column = tables.runs.c.id
        like = column.startswith(run_id, autoescape=True) | column.endswith(run_id, autoescape=True)
        query = tables.runs.select().where(like).order_by(tables.runs.c.started.desc())
        with self._reading() as db:
            runs = [Run(**row._mapping) for row in db.execute(query)]
        return [run for run in runs if run.id == run_id] or runs

    def find_run(self, run_id: str) -> Run:
        """As `run`.

        Raises:
            ConfigError: no such run, with the close matches; or several, which are listed.
        """
        runs = self._matching_runs(run_id)
        if len(runs) == 1:
            return runs[0]
        if runs:
            more = f" and {len(runs) - _LISTED} more" if len(runs) > _LISTED else ""
            raise ConfigError(
                f"{run_id!r} is the beginning or end of {len(runs)} run ids",
                expected="the id of one run, or a beginning or end that only one has",
                got=", ".join(run.id for run in runs[:_LISTED]) + more,
                remedy="give more of the id",
            )
        remedy = did_you_mean(run_id, [run.id for run in self.runs(200)])
        raise ConfigError(f"no run {run_id!r} in {self.path.parent}", remedy=remedy)

    def record_push(self, push: Pushed) -> None:
        """Enter a push that somebody made by hand."""
        with self._writing() as db:
            values = asdict(push)
            db.execute(insert(tables.pushes).values(**values).on_conflict_do_nothing())

    def pushes(self, digest: str) -> list[Pushed]:
        """The pushes of a model that somebody made by hand, the earliest first."""
        query = (
            tables.pushes.select()
            .where(tables.pushes.c.digest == digest)
            .order_by(tables.pushes.c.time)
        )
        with self._reading() as db:
            return [Pushed(**row._mapping) for row in db.execute(query)]

    def last_push(self, pipeline: str) -> Run | None:
        """The last run of this pipeline whose model was pushed, by the run itself or by hand."""
        by_run = (
            sa.select(tables.executions.c.run_id)
            .join(
                tables.artifacts, tables.artifacts.c.fingerprint == tables.executions.c.fingerprint
            )
            .where(
                tables.executions.c.status.in_(("made", "reused")),
                tables.artifacts.c.type == "Push",
            )
            .where(tables.artifacts.c.facts["pushed"].as_boolean())
        )
        query = (
            tables.runs.select()
            .where(tables.runs.c.pipeline == pipeline)
            .where(
                tables.runs.c.id.in_(by_run)
                | tables.runs.c.id.in_(sa.select(tables.pushes.c.run_id))
            )
            .order_by(tables.runs.c.started.desc())
            .limit(1)
        )
        with self._reading() as db:
            row = db.execute(query).first()
            return Run(**row._mapping) if row else None

    def executions(self, run_id: str) -> list[Execution]:
        """What each step did, in the order in which they ended."""
        query = (
            tables.executions.select()
            .where(tables.executions.c.run_id == run_id)
            .order_by(sa.text("rowid"))
        )
        with self._reading() as db:
            return [Execution(**row._mapping) for row in db.execute(query)]

    def artifacts(self, fingerprint: str) -> dict[str, tuple[str, Any]]:
        """Output -> (type, facts) of what a step made."""
        query = tables.artifacts.select().where(tables.artifacts.c.fingerprint == fingerprint)
        with self._reading() as db:
            return {row.output: (row.type, row.facts) for row in db.execute(query)}

    def lineage(self, fingerprint: str) -> list[Lineage]:
        """The inputs out of which a step made its artifacts."""
        query = tables.lineage.select().where(tables.lineage.c.fingerprint == fingerprint)
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
        query = sa.select(tables.executions.c.component).where(
            tables.executions.c.fingerprint == fingerprint
        )
        with self._reading() as db:
            return db.execute(query.limit(1)).scalar()

    def model(self, digest: str) -> str | None:
        """The fingerprint of the step that made the model whose bundle has this digest.

        Also of one that is in the root no more, such as a training that was made again.
        """
        query = sa.select(tables.models.c.fingerprint).where(tables.models.c.digest == digest)
        with self._reading() as db:
            return db.execute(query).scalar()

    def previous(self, pipeline: str, step: str) -> str | None:
        """The fingerprint that this step had when it last ended well in a run of this pipeline."""
        query = (
            sa.select(tables.executions.c.fingerprint)
            .join(tables.runs)
            .where(tables.runs.c.pipeline == pipeline, tables.executions.c.step == step)
            .where(tables.executions.c.status.in_(("made", "reused")))
            .order_by(tables.runs.c.started.desc())
            .limit(1)
        )
        with self._reading() as db:
            return db.execute(query).scalar()

    def all_previous(self, pipeline: str) -> dict[str, str]:
        """`previous` of every step that ever ended well in a run of this pipeline."""
        query = (
            # SQLite takes the other columns from the row that has the maximum
            sa.select(
                tables.executions.c.step,
                tables.executions.c.fingerprint,
                sa.func.max(tables.runs.c.started),
            )
            .join(tables.runs)
            .where(tables.runs.c.pipeline == pipeline)
            .where(tables.executions.c.status.in_(("made", "reused")))
            .group_by(tables.executions.c.step)
        )
        with self._reading() as db:
            return {row.step: row.fingerprint for row in db.execute(query)}


def _record(
    db: sa.Connection,
    execution: Execution,
    artifacts: Mapping[str, tuple[str, Any]],
    lineage: Sequence[Lineage],
) -> None:
    key = {"fingerprint": execution.fingerprint}
    made = [
        {**key, "output": output, "type": kind, "facts": facts}
        for output, (kind, facts) in artifacts.items()
    ]
    db.execute(sa.delete(tables.executions).where(_of(execution)))  # a runner may try again
    db.execute(insert(tables.executions).values(**asdict(execution)))
    for table, rows in (
        (tables.artifacts, made),
        (tables.lineage, [{**key, **asdict(x)} for x in lineage]),
    ):
        if rows and execution.status == "made":
            db.execute(sa.delete(table).where(table.c.fingerprint == execution.fingerprint))
        if rows:
            db.execute(insert(table).on_conflict_do_nothing(), rows)
    models = [
        {**key, "digest": facts["digest"]} for kind, facts in artifacts.values() if kind == "Model"
    ]
    if models:
        db.execute(insert(tables.models).on_conflict_do_nothing(), models)


def _of(execution: Execution) -> sa.ColumnElement[bool]:
    return (tables.executions.c.run_id == execution.run_id) & (
        tables.executions.c.step == execution.step
    )
