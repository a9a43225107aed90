"""Records a root's runs: what each step did, which artifacts it produced and from which inputs.

SQLAlchemy Core on SQLite. Whether a step is cached is decided by the artifacts on disk; the ledger
holds their history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from data.errors import ConfigError, suggest_names
from pipeline.storage import tables
from pipeline.storage.file_digests import FileDigests
from pipeline.storage.tables import Execution, Lineage, Pushed, Run
from pipeline.storage.trusted_models import TrustedModels

# The execution of a step, output → (type, facts) of its artifacts, and their inputs.
Ended = tuple[Execution, Mapping[str, tuple[str, Any]], Sequence[Lineage]]

_LISTED = 8  # ids of runs in the message about an ambiguous one
_SUCCESSFUL = tables.executions.c.status.in_(tables.SUCCESSFUL)


class Ledger(FileDigests, TrustedModels):
    """Runs, executions, artifacts, lineage, pushes, file digests and trusted models of a root."""

    metadata = tables.meta

    def start_run(self, run: Run) -> None:
        """Insert a run that begins."""
        with self._writing() as db:
            db.execute(tables.runs.insert().values(**asdict(run)))

    def finish_run(self, run: Run) -> None:
        """Update a run's row; a run that was cancelled stays cancelled."""
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
        """Insert what a step did; `artifacts` maps each output to its type and facts.

        Artifacts of a cached step are inserted if the ledger lacks them, as after the loss of a
        ledger.
        """
        self.record_all([(execution, artifacts, lineage)])

    def record_all(self, ended: Sequence[Ended]) -> None:
        """Insert what several steps did, in the order in which they ended, in one transaction."""
        with self._writing() as db:
            for execution, artifacts, lineage in ended:
                _insert_execution(db, execution, artifacts, lineage)

    def runs(self, limit: int = 20) -> list[Run]:
        """The latest runs, the newest first."""
        query = tables.runs.select().order_by(tables.runs.c.started.desc()).limit(limit)
        return self._read(Run, query)

    def running(self) -> list[Run]:
        """The runs whose status is `running`, including those of processes that were killed."""
        return self._read(Run, tables.runs.select().where(tables.runs.c.status == "running"))

    def run(self, run_id: str) -> Run | None:
        """The run with this id, or the only one whose id begins or ends so; else None.

        `latest` is the newest run.
        """
        runs = self._matching_runs(run_id)
        return runs[0] if len(runs) == 1 else None

    def find_run(self, run_id: str) -> Run:
        """As `run`.

        Raises:
            ConfigError: there is no such run, with the close matches; or several, with their ids.
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
        remedy = suggest_names(run_id, [run.id for run in self.runs(200)])
        raise ConfigError(f"no run {run_id!r} in {self.path.parent}", remedy=remedy)

    def _matching_runs(self, run_id: str) -> list[Run]:
        """The run with this id, else all whose id begins or ends with it, the newest first."""
        if run_id == "latest":
            return self.runs(1)
        column = tables.runs.c.id
        either = column.startswith(run_id, autoescape=True) | column.endswith(
            run_id, autoescape=True
        )
        query = tables.runs.select().where(either).order_by(tables.runs.c.started.desc())
        runs = self._read(Run, query)
        return [run for run in runs if run.id == run_id] or runs

    def record_push(self, push: Pushed) -> None:
        """Insert a manual push."""
        with self._writing() as db:
            db.execute(insert(tables.pushes).values(**asdict(push)).on_conflict_do_nothing())

    def pushes(self, digest: str) -> list[Pushed]:
        """The manual pushes of a model, the earliest first."""
        query = tables.pushes.select().where(tables.pushes.c.digest == digest)
        return self._read(Pushed, query.order_by(tables.pushes.c.time))

    def last_push(self, pipeline: str) -> Run | None:
        """The last run of this pipeline whose model was pushed, by the run itself or manually."""
        artifacts, executions = tables.artifacts, tables.executions
        pushed_by_run = (
            sa.select(executions.c.run_id)
            .join(artifacts, artifacts.c.fingerprint == executions.c.fingerprint)
            .where(_SUCCESSFUL, artifacts.c.type == "Push")
            .where(artifacts.c.facts["pushed"].as_boolean())
        )
        query = (
            tables.runs.select()
            .where(tables.runs.c.pipeline == pipeline)
            .where(
                tables.runs.c.id.in_(pushed_by_run)
                | tables.runs.c.id.in_(sa.select(tables.pushes.c.run_id))
            )
            .order_by(tables.runs.c.started.desc())
            .limit(1)
        )
        return next(iter(self._read(Run, query)), None)

    def executions(self, run_id: str) -> list[Execution]:
        """What each step of a run did, in the order in which they ended."""
        query = tables.executions.select().where(tables.executions.c.run_id == run_id)
        return self._read(Execution, query.order_by(sa.text("rowid")))

    def artifacts(self, fingerprint: str) -> dict[str, tuple[str, Any]]:
        """Output → (type, facts) of what a step produced."""
        query = tables.artifacts.select().where(tables.artifacts.c.fingerprint == fingerprint)
        with self._reading() as db:
            return {row.output: (row.type, row.facts) for row in db.execute(query)}

    def lineage(self, fingerprint: str) -> list[Lineage]:
        """The inputs from which a step produced its artifacts."""
        columns = [column for column in tables.lineage.c if column.name != "fingerprint"]
        query = sa.select(*columns).where(tables.lineage.c.fingerprint == fingerprint)
        return self._read(Lineage, query)

    def upstream(self, fingerprint: str) -> list[str]:
        """Fingerprints of all steps that a step's artifacts depend on, the nearest first."""
        fingerprints = [fingerprint]
        for step in fingerprints:  # grows while it is walked
            sources = dict.fromkeys(link.source for link in self.lineage(step))
            fingerprints += [source for source in sources if source not in fingerprints]
        return fingerprints[1:]

    def component(self, fingerprint: str) -> str | None:
        """The component of the step that has this fingerprint, by the executions."""
        query = sa.select(tables.executions.c.component).where(
            tables.executions.c.fingerprint == fingerprint
        )
        return self._read_value(query.limit(1))

    def model(self, digest: str) -> str | None:
        """The fingerprint of the step that produced the model whose bundle has this digest.

        Also of a model that is no longer in the root, as after a training was repeated.
        """
        query = sa.select(tables.models.c.fingerprint).where(tables.models.c.digest == digest)
        return self._read_value(query)

    def previous(self, pipeline: str, step: str) -> str | None:
        """The fingerprint of this step's last successful execution in a run of this pipeline."""
        query = (
            sa.select(tables.executions.c.fingerprint)
            .join(tables.runs)
            .where(tables.runs.c.pipeline == pipeline, tables.executions.c.step == step)
            .where(_SUCCESSFUL)
            .order_by(tables.runs.c.started.desc())
            .limit(1)
        )
        return self._read_value(query)

    def all_previous(self, pipeline: str) -> dict[str, str]:
        """`previous` of every step that was ever successful in a run of this pipeline."""
        query = (
            # SQLite takes the other columns from the row that has the maximum
            sa.select(
                tables.executions.c.step,
                tables.executions.c.fingerprint,
                sa.func.max(tables.runs.c.started),
            )
            .join(tables.runs)
            .where(tables.runs.c.pipeline == pipeline, _SUCCESSFUL)
            .group_by(tables.executions.c.step)
        )
        with self._reading() as db:
            return {row.step: row.fingerprint for row in db.execute(query)}


def _insert_execution(
    db: sa.Connection,
    execution: Execution,
    artifacts: Mapping[str, tuple[str, Any]],
    lineage: Sequence[Lineage],
) -> None:
    key = {"fingerprint": execution.fingerprint}
    same_step = (tables.executions.c.run_id == execution.run_id) & (
        tables.executions.c.step == execution.step
    )
    db.execute(sa.delete(tables.executions).where(same_step))  # a runner may repeat a step
    db.execute(insert(tables.executions).values(**asdict(execution)))
    artifact_rows = [
        {**key, "output": output, "type": kind, "facts": facts}
        for output, (kind, facts) in artifacts.items()
    ]
    lineage_rows = [{**key, **asdict(link)} for link in lineage]
    for table, rows in ((tables.artifacts, artifact_rows), (tables.lineage, lineage_rows)):
        if rows and execution.status == "completed":
            db.execute(sa.delete(table).where(table.c.fingerprint == execution.fingerprint))
        if rows:
            db.execute(insert(table).on_conflict_do_nothing(), rows)
    models = [
        {**key, "digest": facts["digest"]} for kind, facts in artifacts.values() if kind == "Model"
    ]
    if models:
        db.execute(insert(tables.models).on_conflict_do_nothing(), models)
