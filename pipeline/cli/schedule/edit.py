"""`penstock schedule add | pause | resume | trigger | remove`."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from data.errors import ConfigError
from pipeline.cli.app import (
    BEAM_FLAGS,
    SERVING,
    beam_flags,
    recipe_options,
    root_option,
    shared_filesystem_option,
)
from pipeline.cli.schedule.group import _name, schedule
from pipeline.cli.schedule.times import when
from pipeline.config.commands import format_command
from pipeline.console.streams import say

if TYPE_CHECKING:
    from pipeline.config.graph import PipelineConfig
    from pipeline.schedule.triggers.triggers import Trigger


_CHECK_EVERY = "10m"


def chosen_trigger(
    cron: str | None, tz: str | None, every: str | None, on_new_data: bool, check_every: str | None
) -> Trigger:
    """The one trigger that the options name.

    Raises:
        ConfigError: none, or more than one, or an option that goes with another.
    """
    from pipeline.schedule.triggers import durations
    from pipeline.schedule.triggers.cron import Cron
    from pipeline.schedule.triggers.triggers import Every, NewData

    if [cron is not None, every is not None, on_new_data].count(True) != 1:
        raise ConfigError(
            "a schedule has one trigger",
            expected='one of --cron "0 3 * * *", --every 6h, --on-new-data',
        )
    if tz is not None and cron is None:
        raise ConfigError("--tz goes with --cron")
    if check_every is not None and not on_new_data:
        raise ConfigError("--check-every goes with --on-new-data")
    if cron is not None:
        return Cron(expression=" ".join(cron.split()), tz=tz or "UTC")
    if every is not None:
        return Every(seconds=durations.seconds(every))
    return NewData(check_every=durations.seconds(check_every or _CHECK_EVERY))


def add_and_show(
    root: Path,
    recipe: str,
    *,
    name: str | None,
    trigger: Trigger,
    settings: tuple[str, ...],
    config_file: Path | None,
    serving: Path | None,
    grace: str,
    fresh_within: str | None,
    **options: Any,
) -> None:
    """Check the recipe, enter the schedule, print its next three dates.

    `options` are those fields of `Schedule` that are given as they are.

    Raises:
        ConfigError: something of it makes no sense; nothing was entered.
    """
    from pipeline.config import secrets
    from pipeline.schedule.daemon.daemon import daemon_lives
    from pipeline.schedule.frequency import too_often
    from pipeline.schedule.ledger.store import ScheduleStore
    from pipeline.schedule.notify.deliver import check_target
    from pipeline.schedule.schedule import Schedule
    from pipeline.schedule.triggers import durations
    from pipeline.storage.run_folder import prepare_root

    for target in options.get("notify", ()):
        check_target(target)
    secrets.refuse_secrets_in_flags(options.get("beam_args", ()))
    pipeline = _checked(recipe, settings, config_file)
    schedule = Schedule(
        name=pipeline.name.lower() if name is None else name,
        recipe=recipe,
        trigger=trigger,
        created=time.time(),
        folder=str(Path.cwd()),
        settings=settings,
        config_file=_absolute(config_file),
        serving=_absolute(serving),
        grace=durations.seconds(grace),
        fresh_within=None if fresh_within is None else durations.seconds(fresh_within),
        **options,
    )
    prepare_root(root)
    with ScheduleStore(root) as store:
        due = store.add(schedule).next_due
    say(f"added    {schedule.name}: {recipe}, {trigger.words()}")
    for label in ("next", "then", "then"):
        say(f"{label:<9}{when(due, schedule)}")
        due = schedule.next_after(due)
    often = too_often(schedule, _seconds_of_runs(root, pipeline.name), schedule.created)
    for warning in (often, *unseen_words(pipeline)):
        if warning:
            say(f"warning  {warning}", error=True)
    if not daemon_lives(root, time.time()):
        say(f"no daemon looks after this root: {format_command('schedule', 'run', root=root)}")


def pause_and_show(root: Path, name: str, reason: str | None) -> None:
    from pipeline.schedule.ledger.store import ScheduleStore

    with ScheduleStore.existing(root) as store:
        changed = store.pause(name, reason or "by hand", time.time())
        reason = store.standing(name).schedule.paused
    say(f"{'paused' if changed else 'was paused'}: {name}, {reason}")


def resume_and_show(root: Path, name: str) -> None:
    from pipeline.schedule.ledger.store import ScheduleStore

    with ScheduleStore.existing(root) as store:
        changed = store.resume(name, time.time())
        standing = store.standing(name)
    say(f"{'resumed' if changed else 'was not paused'}: {name}")
    say(f"next     {when(standing.next_due, standing.schedule)}")


def trigger_and_show(root: Path, name: str) -> None:
    from pipeline.schedule.daemon.daemon import daemon_lives
    from pipeline.schedule.ledger.store import ScheduleStore

    with ScheduleStore.existing(root) as store:
        store.trigger(name, time.time())
    say(f"asked for a tick of {name}")
    if not daemon_lives(root, time.time()):
        once = format_command("schedule", "run", "--once", root=root)
        say(f"no daemon looks after this root: {once} takes it up")


def remove_and_show(root: Path, name: str) -> None:
    from pipeline.schedule.ledger.store import ScheduleStore

    with ScheduleStore.existing(root) as store:
        store.remove(name, time.time())
    say(f"removed: {name}; its history stays")


def _checked(recipe: str, settings: tuple[str, ...], config_file: Path | None) -> PipelineConfig:
    """Build the pipeline as a tick will."""
    from pipeline import recipes
    from pipeline.config import beam_flags, secrets
    from pipeline.config.early_checks import check_whole

    pipeline, table = recipes.configure(recipe, config_file, settings)
    secrets.refuse_secrets_in_flags(beam_flags.read_beam_table(table))
    check_whole(pipeline)
    return pipeline


def unseen_words(pipeline: PipelineConfig) -> list[str]:
    """Why a schedule of the pipeline can never say that nothing is new."""
    from pipeline.config.outside_data import find_unseen

    return [
        f"the data of {name} cannot be looked at, so that every tick runs {step.name} again: give "
        "its source a method stamp(), or name files on this machine"
        for step in pipeline.steps
        for name in find_unseen(step)
    ]


def _keys_named(recipe: str, name: str) -> list[str]:
    from pipeline import recipes
    from pipeline.config.overrides import find_keys

    return find_keys(recipes.build(recipe), name)


def _seconds_of_runs(root: Path, pipeline: str) -> list[float]:
    from pipeline.storage.ledger import Ledger

    with Ledger(root) as ledger:
        runs = ledger.runs(100)
    return [r.seconds for r in runs if r.pipeline == pipeline and r.status == "done" and r.seconds]


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())


@schedule.command(
    context_settings=BEAM_FLAGS,
    examples="""
    penstock schedule add mnist --cron "0 3 * * *" --tz Europe/Zurich --name nightly
    penstock schedule add digits --every 6h --fresh-within 1d
    penstock schedule add ./mine.py:recipe --on-new-data --check-every 10m --name mine
    """,
)
@recipe_options
@root_option
@click.option("--name", help="The schedule's name.  [default: the pipeline's]")
@click.option("--cron", metavar="EXPRESSION", help='Five fields: "0 3 * * *" is daily at 03:00.')
@click.option("--tz", metavar="ZONE", help="Zone of --cron, as Europe/Zurich.  [default: UTC]")
@click.option("--every", metavar="TIME", help="Again and again: 90s, 10m, 6h, 2d.")
@click.option("--on-new-data", is_flag=True, help="When there is new data.")
@click.option("--check-every", metavar="TIME", help="How often to look for it.  [default: 10m]")
@click.option(
    "--overlap",
    type=click.Choice(["skip", "queue"]),
    default="skip",
    show_default=True,
    help="A tick that is due while the last one runs: skip it, or let one wait.",
)
@click.option(
    "--missed",
    type=click.Choice(["once", "all", "skip"]),
    default="once",
    show_default=True,
    help="Ticks that were due while no daemon ran: run the newest, each in order, or none.",
)
@click.option(
    "--grace",
    metavar="TIME",
    default="5m",
    show_default=True,
    help="A tick taken up no later than this is in time.",
)
@click.option("--fresh-within", metavar="TIME", help="Alarm where no success came for so long.")
@click.option(
    "--max-failures",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Pause after so many failures in a row; 0: never.",
)
@click.option("--notify", multiple=True, metavar="TARGET", help="Whom to tell; may be repeated.")
@click.option(
    "--serving",
    type=SERVING,
    help="Where models are pushed, as in `penstock run`.  [default: ROOT/serving]",
)
@shared_filesystem_option
@click.option("--beam", is_flag=True, help="Options that are not Penstock's are Beam's.")
@beam_flags
def add(
    recipe: str,
    root: Path,
    cron: str | None,
    tz: str | None,
    every: str | None,
    on_new_data: bool,
    check_every: str | None,
    beam: bool,
    flags: tuple[str, ...],
    **options: Any,
) -> None:
    """Add a schedule for RECIPE, which is as in `penstock run`, and print its next dates.

    Relative paths of the recipe and its settings count from the folder in which you add it.
    """
    from pipeline.cli.app import refuse_settings, refuse_strangers

    if recipe.startswith("-"):
        stranger = recipe.partition("=")[0]
        raise click.UsageError(f"the recipe comes before Beam's flags, not {stranger}")
    named = functools.partial(_keys_named, recipe)
    if beam:
        refuse_settings(flags, named)
    else:
        command = click.get_current_context().command
        refuse_strangers(flags, [name for p in command.params for name in p.opts], named)
    trigger = chosen_trigger(cron, tz, every, on_new_data, check_every)
    add_and_show(root, recipe, trigger=trigger, beam_args=flags, **options)


@schedule.command(examples='penstock schedule pause nightly --reason "labels under repair"')
@_name
@root_option
@click.option("--reason", help="Why, for those who look at it later.")
def pause(name: str, root: Path, reason: str | None) -> None:
    """Let NAME run no more until it is resumed; due times are entered as paused."""
    pause_and_show(root, name, reason)


@schedule.command(examples="penstock schedule resume nightly")
@_name
@root_option
def resume(name: str, root: Path) -> None:
    """Let NAME run again, from its next due time on; failures count from 0."""
    resume_and_show(root, name)


@schedule.command(examples="penstock schedule trigger nightly")
@_name
@root_option
def trigger(name: str, root: Path) -> None:
    """Ask for a tick of NAME now, even if it is paused; a daemon takes it up within a second."""
    trigger_and_show(root, name)


@schedule.command(examples="penstock schedule remove nightly")
@_name
@root_option
def remove(name: str, root: Path) -> None:
    """Remove NAME; its history stays, a tick that is under way ends."""
    remove_and_show(root, name)
