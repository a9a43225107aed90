"""`penstock schedule emit`, for those who have a scheduler: its files, printed or written."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from data.errors import ConfigError, EnvironmentTrouble
from pipeline.cli.app import root_option
from pipeline.cli.schedule.group import schedule
from pipeline.console.streams import say

if TYPE_CHECKING:
    from pipeline.schedule.emit.job import Job
    from pipeline.schedule.schedule import Schedule


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
            say(output / file)
        else:  # as `systemctl cat` shows units
            click.echo((f"# {file}\n" if scheduler == "systemd" else "") + text, nl=False)


def _schedule(root: Path, name: str) -> Schedule:
    from pipeline.schedule.ledger.store import ScheduleStore

    with ScheduleStore.existing(root) as store:
        return store.standing(name).schedule


def _files(schedule: Schedule, root: Path, scheduler: str, options: dict[str, Any]) -> Files:
    from pipeline.schedule.emit.job import build_job

    job = build_job(schedule, root, now=time.time())
    if scheduler == "airflow" and options.pop("granularity", "run") == "steps":
        options["steps"] = _steps(schedule)
    return _WRITERS[scheduler](job, **options)


def _cron(job: Job, **options: Any) -> Files:
    from pipeline.schedule.emit.crontab import render_crontab

    return {f"penstock-{job.name}.cron": render_crontab(job, **options)}


def _systemd(job: Job) -> Files:
    from pipeline.schedule.emit.systemd import render_units

    return render_units(job, user=_user())


def _user() -> str | None:
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name if number else None
    except KeyError:  # in a container
        return str(number)


def _airflow(job: Job, **options: Any) -> Files:
    from pipeline.schedule.emit.airflow import render_dag

    return {f"penstock-{job.name}.py": render_dag(job, **options)}


def _kubernetes(job: Job, **options: Any) -> Files:
    from pipeline.schedule.emit.kubernetes import render_cron_job

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


def _refuse_strangers(scheduler: str, given: dict[str, Any]) -> None:
    for option in given:
        if option not in _OPTIONS[scheduler]:
            home = next(name for name, known in _OPTIONS.items() if option in known)
            raise ConfigError(f"--{option} goes with --as {home}", got=f"--as {scheduler}")


def _steps(schedule: Schedule) -> list[str]:
    from pipeline.schedule.tick.pipeline_run import build_pipeline

    return [step.name for step in build_pipeline(schedule)[0].steps]


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise EnvironmentTrouble(f"{path} cannot be written", got=error.strerror) from error


@schedule.command(
    examples="""
    penstock schedule emit nightly --as cron
    penstock schedule emit nightly --as systemd --output /etc/systemd/system
    penstock schedule emit nightly --as airflow --granularity steps > ~/airflow/dags/nightly.py
    penstock schedule emit nightly --as kubernetes --image REGISTRY/NAME:1 --gpu 1 > nightly.yaml
    """
)
@click.argument("name")
@click.option(
    "--as",
    "scheduler",
    type=click.Choice(["cron", "systemd", "airflow", "kubernetes"]),
    required=True,
    help="Who is to run it.",
)
@root_option
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write into this folder.  [default: stdout]",
)
@click.option(
    "--log",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="cron: append output to it.  [default: ROOT/schedules/NAME.cron.log]",
)
@click.option(
    "--granularity",
    type=click.Choice(["run", "steps"]),
    help="airflow: one task that does all, or one for each step.  [default: run]",
)
@click.option("--image", help="kubernetes: with penstock on its path.")
@click.option("--cpu", help="kubernetes: cores, such as 500m.  [default: 2]")
@click.option("--memory", help="kubernetes: the most it gets.  [default: 4Gi]")
@click.option("--gpu", type=click.IntRange(min=0), help="kubernetes: NVIDIA's.  [default: 0]")
@click.option("--claim", help="kubernetes: the volume of the root.  [default: penstock]")
def emit(name: str, root: Path, scheduler: str, output: Path | None, **options: Any) -> None:
    """Hand a schedule to the scheduler that one has already: its file, on stdout.

    What it runs is one tick, with the run's exit code, so that windows, outcomes and who is
    told stay the same. docs/emit.md goes from nothing to a run with each. Do not let
    `penstock schedule run` look after the same root besides.
    """
    emit_and_show(root, name, scheduler=scheduler, output=output, **options)
