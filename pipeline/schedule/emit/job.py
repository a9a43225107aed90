"""Collects what other schedulers need to know of a schedule."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from data.errors import ConfigError
from pipeline.config import secrets
from pipeline.schedule.emit.times import Times
from pipeline.schedule.notify.targets import parse_target
from pipeline.schedule.schedule import Missed, Schedule
from pipeline.schedule.triggers.cron import Cron
from pipeline.schedule.triggers.triggers import Every, Trigger


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Times of the wall clock in a time zone."""

    times: Times
    zone: str


@dataclass(frozen=True, kw_only=True)
class Job:
    """A schedule, as another scheduler runs it.

    Args:
        folder: working folder, to which relative paths of the recipe refer.
        when: times of a wall clock, or seconds from one tick to the next.
        description: the times, for a comment.
        missed: what happens to missed ticks: once, all or skip.
        grace: seconds by which a tick may be late and still count as in time.
        since: when the schedule was rendered, in its time zone; earlier due times are not missed.
        variables: environment variables that its targets and Beam flags need.
        run_arguments: arguments of `penstock run` for the same recipe and settings.
    """

    name: str
    root: Path
    folder: str
    when: Clock | float
    description: str
    missed: Missed
    grace: float
    since: datetime
    variables: tuple[str, ...]
    run_arguments: tuple[str, ...]

    @property
    def python(self) -> tuple[str, ...]:
        """Runs Penstock in this environment; with -P, the working folder shadows no package."""
        return (sys.executable, "-P", "-m", "pipeline")

    @property
    def tick(self) -> tuple[str, ...]:
        """The arguments of `penstock` that run one tick now."""
        return ("schedule", "tick", self.name, "now", "--root", str(self.root))

    @property
    def command(self) -> tuple[str, ...]:
        """The command that runs one tick on this machine; its exit code is that of the run."""
        return (*self.python, *self.tick)

    def step(self, option: str, step: str) -> tuple[str, ...]:
        """The command that runs one step of the recipe on this machine."""
        return (*self.python, "run", *self.run_arguments, option, step, "--root", str(self.root))


def build_job(schedule: Schedule, root: Path, *, now: float) -> Job:
    """Collect what another scheduler needs to know of a schedule.

    Args:
        schedule: the schedule.
        root: the root whose ledger has it.
        now: seconds since the epoch.

    Raises:
        ConfigError: an argument contains a line break, which crontabs and units do not allow.
    """
    zone = schedule.trigger.tz if isinstance(schedule.trigger, Cron) else "UTC"
    job = Job(
        name=schedule.name,
        root=root.absolute(),
        folder=schedule.folder or str(root.absolute()),
        when=_when(schedule.trigger),
        description=schedule.trigger.describe(),
        missed=schedule.missed,
        grace=schedule.grace,
        since=datetime.fromtimestamp(now, ZoneInfo(zone)),
        variables=(*_variables(schedule.notify), *secrets.list_variables(schedule.beam_args)),
        run_arguments=_run_arguments(schedule),
    )
    for word in (*job.command, *job.run_arguments, job.folder):
        if not word.isprintable():
            raise ConfigError(
                f"another scheduler cannot read {word!r}",
                expected="printable characters in one line",
            )
    return job


def _when(trigger: Trigger) -> Clock | float:
    """The times of a cron expression, or the interval in seconds, also of a check for new data."""
    if isinstance(trigger, Cron):
        return Clock(times=Times.of(trigger.expression), zone=trigger.tz)
    return trigger.seconds if isinstance(trigger, Every) else trigger.check_every


def _variables(targets: tuple[str, ...]) -> tuple[str, ...]:
    values = [parse_target(text).value for text in targets]
    return tuple(value.removeprefix("env:") for value in values if value.startswith("env:"))


def _run_arguments(schedule: Schedule) -> tuple[str, ...]:
    arguments = [schedule.recipe]
    if schedule.config_file:
        arguments += ["--config", schedule.config_file]
    for setting in schedule.settings:
        arguments += ["--set", setting]
    if schedule.serving:
        arguments += ["--serving", schedule.serving]
    if schedule.shared_filesystem:
        arguments.append("--shared-filesystem")
    if schedule.beam_args:
        arguments += ["--beam", *schedule.beam_args]
    return tuple(arguments)
