"""`penstock schedule …`: retraining by the clock, or when new data comes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from pipeline.commands.frame import (
    BEAM_FLAGS,
    Group,
    beam_flags,
    cli,
    quieten_libraries,
    recipe_options,
    root_option,
    shared_filesystem_option,
)

_name = click.argument("name")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@cli.group(
    cls=Group,
    examples="""
    penstock schedule add mnist --cron "0 3 * * *" --tz Europe/Zurich --name nightly
    penstock schedule run
    penstock schedule list
    """,
)
def schedule() -> None:
    """Retrain every night, or whenever new data comes, with nobody at hand.

    `add` enters a schedule in the root's ledger, `run` looks after all that are there.
    """


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
    type=click.Path(path_type=Path),
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
    from pipeline.beam_flags import refuse_strangers
    from pipeline.schedule_command import add_and_show, chosen_trigger

    if recipe.startswith("-"):
        raise click.UsageError(f"the recipe comes before Beam's flags, not {recipe}")
    if not beam:
        command = click.get_current_context().command
        refuse_strangers(flags, [name for p in command.params for name in p.opts])
    trigger = chosen_trigger(cron, tz, every, on_new_data, check_every)
    add_and_show(root, recipe, trigger=trigger, beam_args=flags, **options)


@schedule.command(
    examples="""
    penstock schedule run
    penstock schedule run --once
    penstock schedule run --until 2027-01-01T06:00 --log-json
    """
)
@root_option
@click.option("--once", is_flag=True, help="Do what is due, wait for it, and exit.")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]),
    metavar="TIME",
    help="Exit when all that is due by then has ended; local time, or with +HH:MM.",
)
@click.option(
    "--at-once",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="How many ticks, of different schedules, may run at a time.",
)
@click.option("--log-json", is_flag=True, help="Log lines are JSON.")
def run(root: Path, once: bool, until: datetime | None, at_once: int, log_json: bool) -> int:
    """Look after the schedules of ROOT, in the foreground: what systemd or a container runs.

    Several may run on one root; each tick is taken once. SIGTERM ends it within 30 s: ticks that
    run write what they have, and are taken up again by the next daemon. With --once or --until
    the exit code is 7 if a tick failed or its verdict is against the model.
    """
    if once and until is not None:
        raise click.UsageError("--once and --until do not go together")
    from pipeline.schedule_command import run_daemon

    return run_daemon(root, once=once, until=until, at_once=at_once, as_json=log_json)


@schedule.command(hidden=True, examples="penstock schedule tick nightly now")
@_name
@click.argument("due", metavar="DUE|now")
@root_option
def tick(name: str, due: str, root: Path) -> int:
    """Do one tick of NAME in this process: what a daemon and every other scheduler start."""
    from pipeline.interrupt import promptly

    quieten_libraries()
    with promptly():
        from pipeline.schedule.tick import do_tick

        return do_tick(root, name, None if due == "now" else float(due))


@schedule.command(
    examples="""
    penstock schedule backfill nightly --from 2026-11-01 --to 2026-11-14
    penstock schedule backfill nightly --from 3 --to 9 --push
    """
)
@_name
@root_option
@click.option("--from", "first", metavar="SPAN", required=True, help="The oldest span.")
@click.option("--to", "last", metavar="SPAN", required=True, help="The newest span.")
@click.option("--push", is_flag=True, help="Push to where NAME pushes; else nothing that serves.")
def backfill(name: str, root: Path, first: str, last: str, push: bool) -> int:
    """Run past windows of NAME in order: for each span, the one that ended with it.

    Each is held against the last one of the backfill that passed. The exit code is that of the
    last run that did not pass; 0 where all did.
    """
    from pipeline.interrupt import promptly

    quieten_libraries()
    with promptly():
        from pipeline.schedule.backfill import backfill as run_windows

        return run_windows(root, name, first, last, push=push)


@schedule.command("list", examples="penstock schedule list --json")
@root_option
@_json
def list_(root: Path, as_json: bool) -> None:
    """List the schedules: when they are due, how the last tick ended."""
    from pipeline.schedule_words import show_schedules

    show_schedules(root, as_json=as_json)


@schedule.command(examples="penstock schedule show nightly")
@_name
@root_option
@_json
def show(name: str, root: Path, as_json: bool) -> None:
    """Show all there is to know of the schedule NAME."""
    from pipeline.schedule_words import show_schedule

    show_schedule(root, name, as_json=as_json)


@schedule.command(examples='penstock schedule pause nightly --reason "labels under repair"')
@_name
@root_option
@click.option("--reason", help="Why, for those who look at it later.")
def pause(name: str, root: Path, reason: str | None) -> None:
    """Let NAME run no more until it is resumed; due times are entered as paused."""
    from pipeline.schedule_command import pause_and_show

    pause_and_show(root, name, reason)


@schedule.command(examples="penstock schedule resume nightly")
@_name
@root_option
def resume(name: str, root: Path) -> None:
    """Let NAME run again, from its next due time on; failures count from 0."""
    from pipeline.schedule_command import resume_and_show

    resume_and_show(root, name)


@schedule.command(examples="penstock schedule trigger nightly")
@_name
@root_option
def trigger(name: str, root: Path) -> None:
    """Ask for a tick of NAME now, even if it is paused; a daemon takes it up within a second."""
    from pipeline.schedule_command import trigger_and_show

    trigger_and_show(root, name)


@schedule.command(examples="penstock schedule remove nightly")
@_name
@root_option
def remove(name: str, root: Path) -> None:
    """Remove NAME; its history stays, a tick that is under way ends."""
    from pipeline.schedule_command import remove_and_show

    remove_and_show(root, name)


@schedule.command(examples="penstock schedule history nightly --last 5")
@_name
@root_option
@click.option("--last", "limit", default=20, show_default=True, help="How many, the newest first.")
@_json
def history(name: str, root: Path, limit: int, as_json: bool) -> None:
    """List what became of the ticks of NAME."""
    from pipeline.schedule_words import show_history

    show_history(root, name, limit, as_json=as_json)


@schedule.command(examples="penstock schedule check --daemon-within 5m")
@root_option
@click.option(
    "--daemon-within",
    metavar="TIME",
    default="1m",
    show_default=True,
    help="How lately a daemon must have said that it lives.",
)
@click.option(
    "--without-daemon", is_flag=True, help="None is to run: another scheduler starts the ticks."
)
@_json
def check(root: Path, daemon_within: str, without_daemon: bool, as_json: bool) -> int:
    """Say which schedules need somebody; the exit code is for a monitor.

    0: all is fine. 7: a schedule had no success by its deadline, or has paused itself. 75: no
    daemon has said lately that it lives.
    """
    from pipeline.schedule_words import check_schedules

    return check_schedules(
        root, daemon_within=daemon_within, without_daemon=without_daemon, as_json=as_json
    )
