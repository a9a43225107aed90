"""Beam's own flags, checked: Beam itself only warns of what it does not know."""

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
    """Raises where argparse would end the process."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(
            f"Beam does not take these flags: {message}",
            follows="nothing ran",
            remedy="mend the flag",
        )


class _Options(PipelineOptions):
    """Options whose views are made once.

    Beam asks for the same few views at every transform, and would parse all flags for each: a fifth
    of the time that a small evaluation takes.
    """

    def view_as(self, cls: type[_View]) -> _View:
        views = self.__dict__.setdefault("_views", {})
        if cls not in views:
            views[cls] = super().view_as(cls)
        return cast(_View, views[cls])

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_views"}


def parse_flags(args: Sequence[str]) -> PipelineOptions:
    """The options that `args` say; without a runner FnApiRunner, since Beam would download one.

    What only the job server of a portable runner may know stays unchecked: see `check`.

    Raises:
        ConfigError: a flag that Beam does not know, or a value that it does not take.
    """
    strangers = find_unknown_flags(args)
    options = _Options(list(args))
    standard = options.view_as(StandardOptions)
    standard.runner = standard.runner or "FnApiRunner"
    if get_runner_name(options) not in PORTABLE:
        refuse_unknown_flags(strangers, ())
    return options


def new_pipeline(args: Sequence[str]) -> Pipeline:
    """An empty pipeline with the options that `args` say.

    Raises:
        ConfigError: as `parse`, or a runner's options do not fit together.
    """
    options = parse_flags(args)
    try:
        return Pipeline(options=options)
    except ValueError as error:
        said = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ConfigError(
            "Beam does not take these flags",
            got=" ".join(said[1:] or said),
            follows="nothing ran",
            remedy="mend them",
        ) from error


def find_unknown_flags(args: Sequence[str]) -> list[str]:
    """The flags in `args` that none of Beam's own options has, without their values.

    Raises:
        ConfigError: a value of a known flag is wrong, or a word is no flag and no flag's value.
    """
    _, left = _parser().parse_known_args(list(args))
    flags: list[str] = []
    may_be_value = False
    for word in left:
        if word.startswith("-") and not re.fullmatch(r"-[\d.]+", word):
            flags.append(word.partition("=")[0])
            may_be_value = "=" not in word
        elif may_be_value:
            may_be_value = False
        else:
            raise ConfigError(
                f"what is {word!r} among Beam's flags?",
                expected="--flag, --flag=value or --flag value",
                follows="nothing ran",
            )
    return flags


def refuse_unknown_flags(flags: Sequence[str], described: Collection[str]) -> None:
    """Raise ConfigError for the first of `flags` that is not one of `described` either.

    Args:
        flags: with their dashes, as `unknown` gives them.
        described: the names that a job server knows, without dashes.
    """
    for flag in flags:
        if flag[:2] == "--" and flag[2:] in described:
            continue
        known = {*_names(), *(f"--{name}" for name in described)}
        raise ConfigError(
            f"Beam knows no flag {flag}",
            expected="one of Beam's pipeline options, or one that the job server describes",
            follows="nothing ran",
            remedy=suggest_names(flag, known) if _close(flag, known) else "see Beam's docs",
        )


def _close(flag: str, known: Collection[str]) -> bool:
    return suggest_names(flag, known).startswith("did you mean")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(allow_abbrev=False)
    for options in {str(each): each for each in PipelineOptions.__subclasses__()}.values():
        options._add_argparse_args(parser)
    return parser


def _names() -> list[str]:
    return [name for action in _parser()._actions for name in action.option_strings]


def get_runner_name(options: PipelineOptions) -> str:
    """The runner's class name, without its module."""
    return str(options.view_as(StandardOptions).runner).rpartition(".")[2]


def get_option(options: PipelineOptions, name: str) -> Any:
    """One option, whichever class of Beam's defines it; None if it is not set."""
    return options.get_all_options(retain_unknown_options=True).get(name)


def get_environment_type(options: PipelineOptions) -> str:
    """How workers start: LOOPBACK, EXTERNAL, DOCKER, PROCESS or a URN; Beam's default filled in."""
    given = options.view_as(PortableOptions).environment_type
    if given:
        return str(given)
    if get_runner_name(options) == "FlinkRunner":
        master = str(options.view_as(FlinkRunnerOptions).flink_master)
    elif get_runner_name(options) == "SparkRunner":
        master = str(options.view_as(SparkRunnerOptions).spark_master_url)
    else:
        master = ""
    return "LOOPBACK" if _LOCAL_MASTER.match(master) else "DOCKER"


def workers_are_elsewhere(args: Sequence[str]) -> bool:
    """Whether workers run in processes that may be on other machines; connects to nothing.

    Raises:
        ConfigError: as `parse`.
    """
    options = parse_flags(args)
    if get_runner_name(options) in _HERE or get_runner_name(options).startswith("Switching"):
        return False
    if options.view_as(PortableOptions).job_endpoint == "embed":
        return False
    return (
        get_runner_name(options) not in PORTABLE or get_environment_type(options) not in _IN_PROCESS
    )
