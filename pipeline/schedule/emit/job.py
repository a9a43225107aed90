"""What every other scheduler has to be told of a schedule."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from data.errors import ConfigError
from pipeline.config import secrets
from pipeline.schedule.emit.times import Times
from pipeline.schedule.notify.targets import parse
from pipeline.schedule.schedule import Missed, Schedule
from pipeline.schedule.triggers.cron import Cron
from pipeline.schedule.triggers.triggers import Every, Trigger


@dataclass(frozen=True, kw_only=True)
class Clock:
    """At these times of the wall clock in this zone."""

    times: Times
    zone: str


@dataclass(frozen=True, kw_only=True)
class Job:
    """A schedule, as others run it.

    Args:
        folder: in which it works: a recipe's relative paths count from there.
        when: times of a wall clock, or seconds from one tick to the next.
        words: when, for a comment.
        missed: what happens after a time when nobody was there: once, all or skip.
        grace: seconds by which a tick may be late and still count as in time.
        since: when it was handed over, in its zone: what was due before is not missed.
        variables: names in the environment that hold what its targets and flags need.
        run_words: what stands behind `penstock run` for the same recipe and settings.
    """

    name: str
    root: Path
    folder: str
    when: Clock | float
    words: str
    missed: Missed
    grace: float
    since: datetime
    variables: tuple[str, ...]
    run_words: tuple[str, ...]

    @property
    def python(self) -> tuple[str, ...]:
        """Penstock in this environment; -P: whatever lies in the working directory."""
        return (sys.executable, "-P", "-m", "pipeline")

    @property
    def tick(self) -> tuple[str, ...]:
        """The words behind `penstock` that do one tick, by hand."""
        return ("schedule", "tick", self.name, "now", "--root", str(self.root))

    @property
    def command(self) -> tuple[str, ...]:
        """One tick, on this machine. Its exit code is the run's."""
        return (*self.python, *self.tick)

    def step(self, option: str, step: str) -> tuple[str, ...]:
        """One step of the recipe, on this machine."""
        return (*self.python, "run", *self.run_words, option, step, "--root", str(self.root))


def job_of(schedule: Schedule, root: Path, *, now: float) -> Job:
    """What is to be told of `schedule`, whose ledger is in `root`.

    Args:
        now: seconds since the epoch.

    Raises:
        ConfigError: a word of it holds a line break, which no crontab and no unit can.
    """
    zone = schedule.trigger.tz if isinstance(schedule.trigger, Cron) else "UTC"
    job = Job(
        name=schedule.name,
        root=root.absolute(),
        folder=schedule.folder or str(root.absolute()),
        when=_when(schedule.trigger),
        words=schedule.trigger.words(),
        missed=schedule.missed,
        grace=schedule.grace,
        since=datetime.fromtimestamp(now, ZoneInfo(zone)),
        variables=(*_variables(schedule.notify), *secrets.list_variables(schedule.beam_args)),
        run_words=_run_words(schedule),
    )
    for word in (*job.command, *job.run_words, job.folder):
        if not word.isprintable():
            raise ConfigError(
                f"{word!r} cannot stand in another scheduler's file",
                expected="letters that can be printed, in one line",
            )
    return job


def _when(trigger: Trigger) -> Clock | float:
    """Times or seconds; new data is looked for as often as the daemon would."""
    if isinstance(trigger, Cron):
        return Clock(times=Times.of(trigger.expression), zone=trigger.tz)
    return trigger.seconds if isinstance(trigger, Every) else trigger.check_every


def _variables(targets: tuple[str, ...]) -> tuple[str, ...]:
    values = [parse(text).value for text in targets]
    return tuple(value.removeprefix("env:") for value in values if value.startswith("env:"))


def _run_words(schedule: Schedule) -> tuple[str, ...]:
    words = [schedule.recipe]
    if schedule.config_file:
        words += ["--config", schedule.config_file]
    for setting in schedule.settings:
        words += ["--set", setting]
    if schedule.serving:
        words += ["--serving", schedule.serving]
    if schedule.shared_filesystem:
        words.append("--shared-filesystem")
    if schedule.beam_args:
        words += ["--beam", *schedule.beam_args]
    return tuple(words)
