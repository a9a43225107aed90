"""The command `penstock`: the table of its commands, with the module and the help of each."""

from __future__ import annotations

import click

from pipeline.cli.lazy_group import LazyGroup

_SECTIONS = {
    "Start": {
        "data": ("pipeline.cli.data", "Show what is in a dataset, and how to ingest it."),
        "new": ("pipeline.cli.project", "Create a small working project."),
        "doctor": ("pipeline.cli.project", "Check this machine, or a Beam runner."),
        "recipes": ("pipeline.cli.recipes", "List the recipes, with accuracy and time."),
        "config": ("pipeline.cli.recipes", "Print the config of a recipe as TOML."),
    },
    "Run": {
        "run": ("pipeline.cli.runs.run", "Run the pipeline of a recipe."),
        "submit": ("pipeline.cli.runs.submit", "Run a whole pipeline on a Beam runner."),
        "attach": ("pipeline.cli.runs.submit", "Wait for the end of a submitted run."),
        "cancel": ("pipeline.cli.runs.submit", "Cancel a submitted run."),
    },
    "Inspect": {
        "runs": ("pipeline.cli.runs.show", "List the runs."),
        "show": ("pipeline.cli.runs.show", "Show the steps and the verdict of a run."),
        "report": ("pipeline.cli.runs.show", "Write the report of a run as one HTML file."),
        "gate": ("pipeline.cli.models.gate", "Print a verdict again, or judge two models."),
    },
    "Serve": {
        "predict": ("pipeline.cli.models.predict", "Classify images with a model."),
        "serving": ("pipeline.cli.models.serving", "List the pushed versions of a model."),
        "push": ("pipeline.cli.models.push", "Push the model of a run."),
        "rollback": ("pipeline.cli.models.serving", "Serve an earlier version of a model again."),
        "trust": ("pipeline.cli.models.trust", "Allow a model from elsewhere to be loaded."),
    },
    "Retrain": {
        "schedule": ("pipeline.cli.app", "Run pipelines at set times or on new data."),
        "span": ("pipeline.cli.app", "List the spans of the data, and exclude bad ones."),
    },
}


_SCHEDULE = {
    "Change": {
        "add": ("pipeline.cli.schedule.add", "Add a schedule for a recipe."),
        "pause": ("pipeline.cli.schedule.change", "Pause a schedule."),
        "resume": ("pipeline.cli.schedule.change", "Resume a paused schedule."),
        "trigger": ("pipeline.cli.schedule.change", "Request a tick now."),
        "remove": ("pipeline.cli.schedule.change", "Remove a schedule."),
    },
    "Run": {
        "run": ("pipeline.cli.schedule.run", "Run due ticks, in the foreground."),
        "backfill": ("pipeline.cli.schedule.tick", "Run past windows in order."),
        "emit": ("pipeline.cli.schedule.emit", "Print the files for another scheduler."),
    },
    "Inspect": {
        "list": ("pipeline.cli.schedule.show", "List the schedules."),
        "show": ("pipeline.cli.schedule.show", "Show a schedule."),
        "history": ("pipeline.cli.schedule.show", "List the ticks of a schedule."),
        "check": ("pipeline.cli.schedule.check", "Report problems, for a monitor."),
    },
}
_SPAN = {
    "Commands": {
        "list": ("pipeline.cli.span", "List the spans and their states."),
        "exclude": ("pipeline.cli.span", "Exclude a span from every window."),
        "include": ("pipeline.cli.span", "Include a span again."),
    },
}


@click.group(cls=LazyGroup, sections=_SECTIONS)
@click.version_option(package_name="penstock")
def cli() -> None:
    """Train image classifiers, and serve only those that pass the gate.

    Start with `penstock run digits`, or with your own images: `penstock data PATH`.
    `penstock COMMAND --help` explains a command.
    """
    from pipeline.cli.options import prepare_libraries  # not for --help

    prepare_libraries()


@click.group(
    cls=LazyGroup,
    sections=_SCHEDULE,
    hidden={"tick": "pipeline.cli.schedule.tick"},
    examples="""
    penstock schedule add mnist --cron "0 3 * * *" --tz Europe/Zurich --name nightly
    penstock schedule run
    penstock schedule list
    """,
)
def schedule() -> None:
    """Run pipelines at set times, or whenever there is new data, without anybody present.

    `add` enters a schedule in the ledger of the root; `run` runs the ticks of all schedules there.
    """


@click.group(cls=LazyGroup, sections=_SPAN)
def span() -> None:
    """List the spans of the data of a schedule or a recipe, and exclude bad ones.

    A span is one batch of data, such as a day: what lies under a path that matches a pattern, such
    as --set ingest.path='/data/day-{YYYY}-{MM}-{DD}'.
    """
