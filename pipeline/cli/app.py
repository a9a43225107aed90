"""What all commands share: help with examples, common options, quiet libraries."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class _WithExamples(click.Command):
    """Its help ends with examples, kept as they are written."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples.strip().splitlines():
                    formatter.write(f"  {line.strip()}\n")


class _Command(_WithExamples):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(["--debug"], is_flag=True, expose_value=False, help="Show tracebacks.")
        )


class Group(_WithExamples, click.Group):
    command_class = _Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order in which one meets them


class LocalFolder(click.Path):
    """A folder that is written to. As a path a URL would be a folder of an odd name."""

    def __init__(self, what: str) -> None:
        super().__init__(path_type=Path)
        self._what = what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from data.files.input_files import refuse_url

        refuse_url(value, self._what)
        return super().convert(value, param, ctx)


SERVING = LocalFolder("the serving folder")


def root_option(function: F) -> F:
    return click.option(
        "--root",
        type=LocalFolder("the root"),
        envvar="PENSTOCK_ROOT",
        default=Path(".penstock"),
        show_default=True,
        show_envvar=True,
        help="The folder for everything that runs write.",
    )(function)


def recipe_options(function: F) -> F:
    return click.argument("recipe")(config_options(function))


def config_options(function: F) -> F:
    """What is set over a recipe's own values."""
    for option in (
        click.option(
            "--config",
            "config_file",
            type=click.Path(path_type=Path),
            help="A TOML file with values over the recipe's, as `penstock config` prints them.",
        ),
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="KEY=VALUE",
            help="Set one value, over recipe and config file; may be repeated.",
        ),
    ):
        function = option(function)
    return function


def shared_filesystem_option(function: F) -> F:
    return click.option(
        "--shared-filesystem",
        is_flag=True,
        help="Workers on other machines see this machine's files, by the same paths.",
    )(function)


def run_options(function: F) -> F:
    """Where a run writes, and which steps it is to run."""
    for option in reversed(
        (
            root_option,
            click.option(
                "--serving",
                type=SERVING,
                help="Where models are pushed: SERVING/<model>/<version>.  [default: ROOT/serving]",
            ),
            click.option("--only", metavar="STEP", help="Run this step alone."),
            click.option("--from", "first", metavar="STEP", help="Begin with this step."),
            click.option("--until", "last", metavar="STEP", help="End after this step."),
            click.option(
                "--force",
                multiple=True,
                metavar="STEP",
                help="Run this step although it was made; repeatable.",
            ),
            shared_filesystem_option,
        )
    ):
        function = option(function)
    return function


# Options that are not ours are Beam's; they stand behind the recipe, with their values.
BEAM_FLAGS = {"ignore_unknown_options": True}


def beam_flags(function: F) -> F:
    return click.argument("flags", nargs=-1, type=click.UNPROCESSED, metavar="[BEAM'S FLAGS]")(
        function
    )


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="penstock")
def cli() -> None:
    """A data and training pipeline for image classifiers: from labelled images to a model that
    earned its place.

    Start with `penstock run digits`.
    """
    from pipeline.environment.wait_settings import read_waits

    read_waits()


def prepare_libraries() -> None:
    """Before libraries are imported: they look at the environment once."""
    from pipeline.environment.library_settings import pin_libraries

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    pin_libraries()


def trust_model(folder: Path, root: Path) -> str:
    """Let a model be loaded that no run in the root made; says where that is remembered.

    Returns:
        The digest of all its bytes.
    """
    from pipeline.console.streams import say
    from pipeline.storage.known_models import trust

    digest, remembered = trust(folder, root)
    say(
        f"trusted: {folder}, digest {digest[:12]}…"
        + (f", from now on in {root}" if remembered else f", this once: nothing ran in {root} yet"),
        error=True,
    )
    return digest


def debug() -> bool:
    return "--debug" in sys.argv


def refuse_strangers(
    flags: Sequence[str],
    own: Collection[str],
    keys_named: Callable[[str], list[str]] = lambda _: [],
) -> None:
    """Refuse flags where none of Beam's may stand: they are misspelt, or --beam is missing.

    Args:
        flags: what the command line has beside the command's own options.
        own: the names of those, --root and so on.
        keys_named: the config keys of a name, `train.epochs` for `epochs`.

    Raises:
        click.UsageError: there are any.
    """
    if not flags:
        return
    import difflib

    stranger = flags[0].partition("=")[0]
    if not stranger.startswith("-"):
        raise click.UsageError(f"what is {stranger!r}? One recipe is expected, then options.")
    keys = keys_named(_setting(stranger))
    raise click.NoSuchOption(
        stranger,
        f"No such option: {stranger}. "
        + (_given_by(keys) if keys else "If it is a flag of Beam's, add --beam."),
        possibilities=difflib.get_close_matches(stranger, own, cutoff=0.75),
    )


def refuse_settings(flags: Sequence[str], keys_named: Callable[[str], list[str]]) -> None:
    """Refuse a flag among Beam's that Beam does not know, and that has the name of a setting.

    Args:
        flags: for Beam.
        keys_named: as `refuse_strangers` has it.

    Raises:
        click.UsageError: there is one.
    """
    names = {flag.partition("=")[0] for flag in flags if flag.startswith("--")}
    if not any(keys_named(_setting(name)) for name in names):
        return  # without a look at what Beam knows, which takes seconds
    from components.beam.options import find_unknown_flags

    for flag in find_unknown_flags(flags):
        if keys := keys_named(_setting(flag)):
            raise click.NoSuchOption(flag, f"No such option: {flag}. {_given_by(keys)}")


def _setting(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")


def _given_by(keys: Sequence[str]) -> str:
    return "A setting is given by " + " or ".join(f"--set {key}=…" for key in keys) + "."


def run_arguments(options: dict[str, Any]) -> dict[str, Any]:
    """The options by the names that `pipeline.run.run` gives them."""
    return {"serving_dir" if name == "serving" else name: v for name, v in options.items()}
