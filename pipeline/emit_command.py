"""`penstock schedule emit`: the files, printed or written."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from data.errors import ConfigError, EnvironmentTrouble
from pipeline.schedule.emit.job import Job, job_of
from pipeline.schedule.schedules import Schedule

Files = dict[str, str]  # their texts by their names


def emit_and_show(
    root: Path, name: str, *, scheduler: str, output: Path | None, **options: Any
) -> None:
    """Print the files of a schedule for another scheduler, or write them into `output`.

    Args:
        scheduler: cron, systemd, airflow or kubernetes.
        options: those of the other scheduler; None is not given.

    Raises:
        ConfigError: there is no such schedule, an option is another's, or the other scheduler
            cannot do what the schedule says.
        EnvironmentTrouble: the files cannot be written.
    """
    given = {option: value for option, value in options.items() if value is not None}
    output = output and output.absolute()  # a schedule works in a folder of its own
    _refuse_strangers(scheduler, given)
    for file, text in _files(_schedule(root, name), root, scheduler, given).items():
        if output:
            _write(output / file, text)
            click.echo(output / file)
        else:  # as `systemctl cat` shows units
            click.echo((f"# {file}\n" if scheduler == "systemd" else "") + text, nl=False)


def _schedule(root: Path, name: str) -> Schedule:
    from pipeline.schedule.store import ScheduleStore

    with ScheduleStore.existing(root) as store:
        return store.standing(name).schedule


def _files(schedule: Schedule, root: Path, scheduler: str, options: dict[str, Any]) -> Files:
    job = job_of(schedule, root, now=time.time())
    if scheduler == "airflow" and options.pop("granularity", "run") == "steps":
        options["steps"] = _steps(schedule)
    return _WRITERS[scheduler](job, **options)


def _cron(job: Job, **options: Any) -> Files:
    from pipeline.schedule.emit.crontab import crontab

    return {f"penstock-{job.name}.cron": crontab(job, **options)}


def _systemd(job: Job) -> Files:
    from pipeline.schedule.emit.systemd import units

    return units(job, user=_user())


def _user() -> str | None:
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name if number else None
    except KeyError:  # in a container
        return str(number)


def _airflow(job: Job, **options: Any) -> Files:
    from pipeline.schedule.emit.airflow import dag

    return {f"penstock-{job.name}.py": dag(job, **options)}


def _kubernetes(job: Job, **options: Any) -> Files:
    from pipeline.schedule.emit.kubernetes import cron_job

    if "image" not in options:
        raise ConfigError("a CronJob needs an image", remedy="--image REGISTRY/NAME:TAG")
    return {f"penstock-{job.name}.yaml": cron_job(job, **options)}


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


def _refuse_strangers(scheduler: str, given: dict[str, Any]) -> None:
    for option in given:
        if option not in _OPTIONS[scheduler]:
            home = next(name for name, known in _OPTIONS.items() if option in known)
            raise ConfigError(f"--{option} goes with --as {home}", got=f"--as {scheduler}")


def _steps(schedule: Schedule) -> list[str]:
    from pipeline.schedule.attempt import built

    return [step.name for step in built(schedule)[0].steps]


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise EnvironmentTrouble(f"{path} cannot be written", got=error.strerror) from error
