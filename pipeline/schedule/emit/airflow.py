"""Renders a schedule as a DAG of Airflow 3."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from pipeline.schedule.emit.job import Clock, Job
from pipeline.schedule.emit.render import render


def render_dag(job: Job, steps: Sequence[str] = ()) -> str:
    """Render the file for Airflow's folder of DAGs.

    Args:
        job: the schedule.
        steps: the steps of the recipe, in order: one task for each. Without steps, one task runs
            the tick.

    Raises:
        ConfigError: Airflow reads the cron expression in another way.
    """
    if isinstance(job.when, Clock):
        when, zone = repr(job.when.times.cron()), job.when.zone
    else:
        when, zone = f"timedelta(seconds={job.when:g})", "UTC"
    # The first task runs all ingest steps: a window has one for each of its spans.
    options = ("--until", *("--only" for _ in steps[1:]))
    commands = {step: job.step(option, step) for option, step in zip(options, steps, strict=False)}
    return render(
        "dag.py.j2",
        job=job,
        when=when,
        zone=repr(zone),
        since=f"{job.since:%Y, %-m, %-d, %-H, %-M}",
        catchup=job.missed == "all",
        tasks={
            name: repr(f"cd {shlex.quote(job.folder)} && exec {shlex.join(command)}")
            for name, command in (commands or {"tick": job.command}).items()
        },
    )
