"""Parse Beam's flags and refuse unknown ones: Beam itself only warns of them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Collection, Sequence
from typing import Any, NoReturn, TypeVar, cast

from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    PipelineOptions,
    PortableOptions,
    SparkRunnerOptions,
    StandardOptions,
)
from apache_beam.options.pipeline_options import _BeamArgumentParser as BeamArgumentParser
from apache_beam.pipeline import Pipeline

from data.errors import ConfigError, suggest_names

PORTABLE = ("PortableRunner", "FlinkRunner", "SparkRunner")
_HERE = ("FnApiRunner", "DirectRunner", "BundleBasedDirectRunner", "PrismRunner")
_IN_PROCESS = ("LOOPBACK", "beam:env:embedded_python:v1", "beam:env:embedded_python_grpc:v1")
_LOCAL_MASTER = re.compile(r"^(\[local\]|\[auto\]|local(\[.+\])?)$")


_View = TypeVar("_View", bound=PipelineOptions)


class _Parser(BeamArgumentParser):
    """A parser that raises where argparse would end the process."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(
            f"invalid Beam flags: {message}",
            follows="nothing ran",
            remedy="correct or remove the flag",
        )


class _Options(PipelineOptions):
    """Pipeline options with cached views.

    Beam asks for the same few views at every transform, and parses all flags each time: a fifth of
    the time of a small evaluation.
    """

    def view_as(self, cls: type[_View]) -> _View:
        views = self.__dict__.setdefault("_views", {})
        if cls not in views:
            views[cls] = super().view_as(cls)
        return cast(_View, views[cls])

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_views"}


def parse_flags(args: Sequence[str]) -> PipelineOptions:
    """Parse the flags; the default runner is FnApiRunner, because Beam would download one.

    Flags that only the job server of a portable runner may know are not checked here, see
    `refuse_unknown_flags`.

    Raises:
        ConfigError: Beam does not know a flag, or its value is wrong.
    """
    unknown_flags = find_unknown_flags(args)
    options = _Options(list(args))
    standard = options.view_as(StandardOptions)
    standard.runner = standard.runner or "FnApiRunner"
    if get_runner_name(options) not in PORTABLE:
        refuse_unknown_flags(unknown_flags, ())
    return options


def new_pipeline(args: Sequence[str]) -> Pipeline:
    """Make an empty pipeline with these flags.

    Raises:
        ConfigError: as `parse_flags`, or the flags of the runner do not fit together.
    """
    options = parse_flags(args)
    try:
        return Pipeline(options=options)
    except ValueError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ConfigError(
            "Beam refuses these flags",
            expected="flags that fit together, as the runner requires them",
            got=" ".join(lines[1:] or lines),
            follows="nothing ran",
            remedy="correct or remove the flags",
        ) from error


def find_unknown_flags(args: Sequence[str]) -> list[str]:
    """Find the flags in `args` that Beam does not know, without their values.

    Raises:
        ConfigError: the value of a known flag is wrong, or an argument is neither a flag nor the
            value of a flag.
    """
    _, unparsed = _make_parser().parse_known_args(list(args))
    flags: list[str] = []
    may_be_value = False
    for argument in unparsed:
        if argument.startswith("-") and not re.fullmatch(r"-[\d.]+", argument):
            flags.append(argument.partition("=")[0])
            may_be_value = "=" not in argument
        elif may_be_value:
            may_be_value = False
        else:
            raise ConfigError(
                f"unexpected argument {argument!r} among Beam's flags",
                expected="--flag, --flag=value or --flag value",
                follows="nothing ran",
                remedy="write it as --flag=value, or remove it",
            )
    return flags


def refuse_unknown_flags(flags: Sequence[str], server_options: Collection[str]) -> None:
    """Raise ConfigError for the first flag that the job server does not know either.

    Args:
        flags: flags that Beam does not know, with their dashes, see `find_unknown_flags`.
        server_options: names of the options that the job server knows, without dashes.
    """
    for flag in flags:
        if flag[:2] == "--" and flag[2:] in server_options:
            continue
        names = {*_list_flags(), *(f"--{name}" for name in server_options)}
        suggestion = suggest_names(flag, names)
        is_close = suggestion.startswith("did you mean")
        raise ConfigError(
            f"unknown Beam flag {flag}",
            expected="a pipeline option of Beam or of the job server",
            follows="nothing ran",
            remedy=suggestion if is_close else "see the documentation of Beam's pipeline options",
        )


def _make_parser() -> argparse.ArgumentParser:
    parser = _Parser(allow_abbrev=False)
    for options in {str(each): each for each in PipelineOptions.__subclasses__()}.values():
        options._add_argparse_args(parser)
    return parser


def _list_flags() -> list[str]:
    return [name for action in _make_parser()._actions for name in action.option_strings]


def get_runner_name(options: PipelineOptions) -> str:
    """Get the class name of the runner, without its module."""
    return str(options.view_as(StandardOptions).runner).rpartition(".")[2]


def get_option(options: PipelineOptions, name: str) -> Any:
    """Get an option, whichever class of Beam defines it; None if it is not set."""
    return options.get_all_options(retain_unknown_options=True).get(name)


def get_environment_type(options: PipelineOptions) -> str:
    """Get how workers start: LOOPBACK, EXTERNAL, DOCKER, PROCESS or a URN, or Beam's default."""
    configured = options.view_as(PortableOptions).environment_type
    if configured:
        return str(configured)
    if get_runner_name(options) == "FlinkRunner":
        master = str(options.view_as(FlinkRunnerOptions).flink_master)
    elif get_runner_name(options) == "SparkRunner":
        master = str(options.view_as(SparkRunnerOptions).spark_master_url)
    else:
        master = ""
    return "LOOPBACK" if _LOCAL_MASTER.match(master) else "DOCKER"


def workers_are_elsewhere(args: Sequence[str]) -> bool:
    """Whether workers may run on other machines, by the flags alone.

    Raises:
        ConfigError: as `parse_flags`.
    """
    options = parse_flags(args)
    if get_runner_name(options) in _HERE or get_runner_name(options).startswith("Switching"):
        return False
    if options.view_as(PortableOptions).job_endpoint == "embed":
        return False
    return (
        get_runner_name(options) not in PORTABLE or get_environment_type(options) not in _IN_PROCESS
    )
