"""Options and arguments that several commands have."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from data.base.visible_text import format_json
from data.files.input_files import refuse_url
from pipeline.environment.library_settings import pin_libraries

F = TypeVar("F", bound=Callable[..., Any])


class LocalFolder(click.Path):
    """A folder that is written to; a URL is refused, which `Path` would take for a folder."""

    def __init__(self, what: str) -> None:
        super().__init__(path_type=Path)
        self._what = what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        refuse_url(value, self._what)
        return super().convert(value, param, ctx)


SERVING = LocalFolder("the serving folder")
FILE = click.Path(path_type=Path)

root_option = click.option(
    "--root",
    type=LocalFolder("the root"),
    envvar="PENSTOCK_ROOT",
    default=Path(".penstock"),
    show_default=True,
    show_envvar=True,
    help="The folder for everything that runs write.",
)
config_option = click.option(
    "--config",
    "config_file",
    type=FILE,
    help="A TOML file with values that replace the recipe's, as `penstock config` prints them.",
)
set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set one value; replaces those of the recipe and the config file. Repeatable.",
)
ingest_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set one value of ingest, such as ingest.group=person. Repeatable.",
)
serving_option = click.option(
    "--serving",
    type=SERVING,
    help="The folder to push models to: SERVING/<model>/<version>.  [default: ROOT/serving]",
)
shared_filesystem_option = click.option(
    "--shared-filesystem",
    is_flag=True,
    help="Workers on other machines see this machine's files under the same paths.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
run_argument = click.argument("run_id", metavar="RUN")

# Options that are not Penstock's are Beam's; they follow the recipe, with their values.
BEAM_FLAGS = {"ignore_unknown_options": True}
beam_flags = click.argument("flags", nargs=-1, type=click.UNPROCESSED, metavar="[BEAM FLAGS]...")


def recipe_options(function: F) -> F:
    """Add the argument RECIPE and the options --config and --set."""
    return click.argument("recipe")(config_option(set_option(function)))


def run_options(function: F) -> F:
    """Add the options that say where a run writes, and which steps run."""
    for option in (
        shared_filesystem_option,
        click.option(
            "--force",
            multiple=True,
            metavar="STEP",
            help="Run this step even if its result is cached. Repeatable.",
        ),
        click.option("--until", "last", metavar="STEP", help="Stop after this step."),
        click.option("--from", "first", metavar="STEP", help="Start with this step."),
        click.option("--only", metavar="STEP", help="Run only this step."),
        serving_option,
        root_option,
    ):
        function = option(function)
    return function


def prepare_libraries() -> None:
    """Set the environment that libraries read when they are imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    pin_libraries()


def debug() -> bool:
    """Whether --debug stands on the command line."""
    return "--debug" in sys.argv


def print_json(value: object) -> None:
    """Print a value for machines: indented JSON on standard output."""
    print(format_json(value))
