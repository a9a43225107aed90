"""`penstock schedule add`: add a schedule for a recipe."""

from __future__ import annotations

import time
from pathlib import Path

import click

from data.errors import ConfigError
from pipeline.cli.flags import check_flags
from pipeline.cli.lazy_group import Command
from pipeline.cli.options import (
    BEAM_FLAGS,
    beam_flags,
    recipe_options,
    root_option,
    serving_option,
    shared_filesystem_option,
)
from pipeline.cli.recipes import configured
from pipeline.cli.schedule.times import when
from pipeline.config import beam_flags as beam_tables
from pipeline.config import secrets
from pipeline.config.commands import format_command
from pipeline.config.early_checks import check_whole
from pipeline.config.graph import PipelineConfig
from pipeline.config.outside_data import find_unseen
from pipeline.console.streams import say
from pipeline.schedule.daemon.daemon import daemon_lives
from pipeline.schedule.frequency import check_frequency
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.notify.deliver import check_target
from pipeline.schedule.schedule import Missed, Overlap, Schedule
from pipeline.schedule.triggers import durations
from pipeline.schedule.triggers.cron import Cron
from pipeline.schedule.triggers.triggers import Every, NewData, Trigger
from pipeline.storage.ledger import Ledger
from pipeline.storage.run_folder import prepare_root

_CHECK_EVERY = "10m"


@click.command(
    cls=Command,
    context_settings=BEAM_FLAGS,
    examples="""
    penstock schedule add mnist --cron "0 3 * * *" --tz Europe/Zurich --name nightly
    penstock schedule add digits --every 6h --fresh-within 1d
    penstock schedule add ./mine.py:recipe --on-new-data --check-every 10m --name mine
    """,
)
@recipe_options
@root_option
@click.option("--name", help="The name of the schedule.  [default: the name of the pipeline]")
@click.option(
    "--cron", metavar="EXPRESSION", help='Five fields: "0 3 * * *" is every day at 03:00.'
)
@click.option(
    "--tz", metavar="ZONE", help="Time zone of --cron, such as Europe/Zurich.  [default: UTC]"
)
@click.option("--every", metavar="TIME", help="The interval between two ticks: 90s, 10m, 6h, 2d.")
@click.option("--on-new-data", is_flag=True, help="Run when there is new data.")
@click.option(
    "--check-every", metavar="TIME", help="How often to check for new data.  [default: 10m]"
)
@click.option(
    "--overlap",
    type=click.Choice(["skip", "queue"]),
    default="skip",
    show_default=True,
    help="A tick that is due while the previous one runs: skip it, or let one tick wait.",
)
@click.option(
    "--missed",
    type=click.Choice(["once", "all", "skip"]),
    default="once",
    show_default=True,
    help="Ticks that were due while no daemon ran: run the newest one, all in order, or none.",
)
@click.option(
    "--grace",
    metavar="TIME",
    default="5m",
    show_default=True,
    help="A tick that starts later than this after its due time is a missed one.",
)
@click.option(
    "--fresh-within", metavar="TIME", help="Raise an alarm if there was no success for this long."
)
@click.option(
    "--max-failures",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Pause the schedule after this many failures in a row; 0 means never.",
)
@click.option(
    "--notify",
    multiple=True,
    metavar="TARGET",
    help="Notify this target, such as command=PATH; see docs/how-to/notify.md. Repeatable.",
)
@serving_option
@shared_filesystem_option
@click.option("--beam", is_flag=True, help="Pass unknown options to Beam.")
@beam_flags
def add(
    recipe: str,
    config_file: Path | None,
    settings: tuple[str, ...],
    root: Path,
    name: str | None,
    cron: str | None,
    tz: str | None,
    every: str | None,
    on_new_data: bool,
    check_every: str | None,
    overlap: Overlap,
    missed: Missed,
    grace: str,
    fresh_within: str | None,
    max_failures: int,
    notify: tuple[str, ...],
    serving: Path | None,
    shared_filesystem: bool,
    beam: bool,
    flags: tuple[str, ...],
) -> None:
    """Add a schedule for RECIPE, and print its next due times.

    RECIPE and its options are as in `penstock run`. Relative paths of the recipe and its settings
    count from the current folder, now and in every tick.
    """
    pipeline = _pipeline(recipe, config_file, settings, flags, beam=beam)
    trigger = _trigger(cron, tz, every, on_new_data, check_every)
    for target in notify:
        check_target(target)
    schedule = Schedule(
        name=pipeline.name.lower() if name is None else name,
        recipe=recipe,
        trigger=trigger,
        created=time.time(),
        folder=str(Path.cwd()),
        settings=settings,
        config_file=_absolute(config_file),
        serving=_absolute(serving),
        beam_args=flags,
        shared_filesystem=shared_filesystem,
        overlap=overlap,
        missed=missed,
        grace=durations.parse_duration(grace),
        fresh_within=None if fresh_within is None else durations.parse_duration(fresh_within),
        max_failures=max_failures,
        notify=notify,
    )
    prepare_root(root)
    with ScheduleStore(root) as store:
        due = store.add(schedule).next_due
    _print_added(schedule, due)
    _print_warnings(schedule, pipeline, root)
    if not daemon_lives(root, time.time()):
        start = format_command("schedule", "run", root=root)
        say(f"no daemon runs for this root; start one: {start}")


def _pipeline(
    recipe: str,
    config_file: Path | None,
    settings: tuple[str, ...],
    flags: tuple[str, ...],
    *,
    beam: bool,
) -> PipelineConfig:
    """Build the pipeline as a tick will, and check it and the flags."""
    pipeline, table = configured(recipe, config_file, settings)
    check_flags(flags, pipeline, beam=beam)
    secrets.refuse_secrets_in_flags((*beam_tables.read_beam_table(table), *flags))
    check_whole(pipeline)
    return pipeline


def _trigger(
    cron: str | None, tz: str | None, every: str | None, on_new_data: bool, check_every: str | None
) -> Trigger:
    """Return the trigger that the options describe.

    Raises:
        ConfigError: no trigger, more than one, or an option of another trigger.
    """
    if [cron is not None, every is not None, on_new_data].count(True) != 1:
        raise ConfigError(
            "a schedule needs exactly one trigger",
            expected='one of --cron "0 3 * * *", --every 6h, --on-new-data',
        )
    if tz is not None and cron is None:
        raise ConfigError("--tz needs --cron")
    if check_every is not None and not on_new_data:
        raise ConfigError("--check-every needs --on-new-data")
    if cron is not None:
        return Cron(expression=" ".join(cron.split()), tz=tz or "UTC")
    if every is not None:
        return Every(seconds=durations.parse_duration(every))
    return NewData(check_every=durations.parse_duration(check_every or _CHECK_EVERY))


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())


def _print_added(schedule: Schedule, due: float) -> None:
    say(f"added    {schedule.name}: {schedule.recipe}, {schedule.trigger.describe()}")
    for label in ("next", "then", "then"):
        say(f"{label:<9}{when(due, schedule)}")
        due = schedule.next_after(due)


def _print_warnings(schedule: Schedule, pipeline: PipelineConfig, root: Path) -> None:
    """Warn on stderr of ticks that overlap, and of data whose changes nothing can detect."""
    with Ledger(root) as ledger:
        runs = [run for run in ledger.runs(100) if run.pipeline == pipeline.name]
    takes = [run.seconds for run in runs if run.status == "completed" and run.seconds]
    if often := check_frequency(schedule, takes, schedule.created):
        say(f"warning  {often}", error=True)
    for step in pipeline.steps:
        for name in find_unseen(step):
            say(
                f"warning  changes to the data of {name} cannot be detected, so every tick runs "
                f"{step.name} again: give its source a method stamp(), or use files on this "
                "machine",
                error=True,
            )
