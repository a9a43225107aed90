"""`penstock schedule emit`: print or write the files with which another scheduler runs ticks."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from data.errors import ConfigError, EnvironmentTrouble
from pipeline.cli.lazy_group import Command
from pipeline.cli.options import root_option
from pipeline.cli.schedule.times import name_argument
from pipeline.console.streams import say
from pipeline.schedule.emit.airflow import render_dag
from pipeline.schedule.emit.crontab import render_crontab
from pipeline.schedule.emit.job import Job, build_job
from pipeline.schedule.emit.kubernetes import render_cron_job
from pipeline.schedule.emit.systemd import render_units
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import Schedule
from pipeline.schedule.tick.pipeline_run import build_pipeline

Files = dict[str, str]  # their texts by their names


@click.command(
    cls=Command,
    examples="""
    penstock schedule emit nightly --as cron
    penstock schedule emit nightly --as systemd --output /etc/systemd/system
    penstock schedule emit nightly --as airflow --granularity steps > ~/airflow/dags/nightly.py
    penstock schedule emit nightly --as kubernetes --image REGISTRY/NAME:1 --gpu 1 > nightly.yaml
    """,
)
@name_argument
@click.option(
    "--as",
    "scheduler",
    type=click.Choice(["cron", "systemd", "airflow", "kubernetes"]),
    required=True,
    help="The scheduler that will run the ticks.",
)
@root_option
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write the files to this folder.  [default: standard output]",
)
@click.option(
    "--log",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="cron: append output to this file.  [default: ROOT/schedules/NAME.cron.log]",
)
@click.option(
    "--granularity",
    type=click.Choice(["run", "steps"]),
    help="airflow: one task for the whole run, or one for each step.  [default: run]",
)
@click.option("--image", help="kubernetes: the container image; has `penstock` on its PATH.")
@click.option("--cpu", help="kubernetes: CPU cores, such as 500m.  [default: 2]")
@click.option("--memory", help="kubernetes: the memory limit.  [default: 4Gi]")
@click.option(
    "--gpu", type=click.IntRange(min=0), help="kubernetes: the number of NVIDIA GPUs.  [default: 0]"
)
@click.option("--claim", help="kubernetes: the volume claim of the root.  [default: penstock]")
def emit(
    name: str,
    root: Path,
    scheduler: str,
    output: Path | None,
    log: Path | None,
    granularity: str | None,
    image: str | None,
    cpu: str | None,
    memory: str | None,
    gpu: int | None,
    claim: str | None,
) -> None:
    """Print the files that make another scheduler run NAME, or write them to a folder.

    The scheduler runs one tick at a time, whose exit code is that of the run, so windows, outcomes
    and notifications stay the same. docs/how-to/emit.md is a step-by-step guide for each scheduler.
    Do not run `penstock schedule run` for the same root at the same time.
    """
    options = {
        "log": log,
        "granularity": granularity,
        "image": image,
        "cpu": cpu,
        "memory": memory,
        "gpu": gpu,
        "claim": claim,
    }
    given = {option: value for option, value in options.items() if value is not None}
    _check_options(scheduler, given)
    output = output and output.absolute()  # a schedule works in a folder of its own
    with ScheduleStore.existing(root) as store:
        schedule = store.standing(name).schedule
    for file, text in _files(schedule, root, scheduler, given).items():
        if output:
            _write(output / file, text)
            say(output / file)
        else:  # as `systemctl cat` shows units
            click.echo((f"# {file}\n" if scheduler == "systemd" else "") + text, nl=False)


def _files(schedule: Schedule, root: Path, scheduler: str, options: dict[str, Any]) -> Files:
    job = build_job(schedule, root, now=time.time())
    if scheduler == "airflow" and options.pop("granularity", "run") == "steps":
        options["steps"] = [step.name for step in build_pipeline(schedule)[0].steps]
    return _WRITERS[scheduler](job, **options)


def _cron(job: Job, *, log: Path | None = None) -> Files:
    return {f"penstock-{job.name}.cron": render_crontab(job, log)}


def _systemd(job: Job) -> Files:
    return render_units(job, user=_user())


def _user() -> str | None:
    """Return the user that runs the service: None, the unit's own, for root."""
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name if number else None
    except KeyError:  # in a container
        return str(number)


def _airflow(job: Job, **options: Any) -> Files:
    return {f"penstock-{job.name}.py": render_dag(job, **options)}


def _kubernetes(job: Job, **options: Any) -> Files:
    if "image" not in options:
        raise ConfigError("a CronJob needs an image", remedy="--image REGISTRY/NAME:TAG")
    return {f"penstock-{job.name}.yaml": render_cron_job(job, **options)}


_WRITERS: dict[str, Callable[..., Files]] = {
    "cron": _cron,
    "systemd": _systemd,
    "airflow": _airflow,
    "kubernetes": _kubernetes,
}
_OPTIONS = {
    "cron": ("log",),
    "systemd": (),
    "airflow": ("granularity",),
    "kubernetes": ("image", "cpu", "memory", "gpu", "claim"),
}


def _check_options(scheduler: str, given: dict[str, Any]) -> None:
    """Refuse an option that belongs to another scheduler. Raises ConfigError."""
    for option in given:
        if option not in _OPTIONS[scheduler]:
            owner = next(name for name, options in _OPTIONS.items() if option in options)
            raise ConfigError(f"--{option} needs --as {owner}", got=f"--as {scheduler}")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise EnvironmentTrouble(f"{path} cannot be written", got=error.strerror) from error
