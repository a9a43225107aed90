"""Check the options on a command line that are not Penstock's own."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from functools import partial
from typing import Protocol

import click

from pipeline.config.graph import PipelineConfig
from pipeline.config.overrides import find_keys


class KeysNamed(Protocol):
    """Returns the config keys with a name: `train.epochs` for `epochs`."""

    def __call__(self, name: str, /) -> list[str]: ...


def _no_keys(name: str, /) -> list[str]:
    return []


def check_flags(flags: Sequence[str], pipeline: PipelineConfig, *, beam: bool) -> None:
    """Refuse flags of the current command that neither Penstock nor Beam has.

    Args:
        flags: what the command line has besides the command's own options.
        pipeline: of the recipe; names the settings that a flag may have been meant for.
        beam: whether Beam's flags are allowed.

    Raises:
        click.UsageError: a flag is unknown.
    """
    named = partial(find_keys, pipeline)
    if beam:
        refuse_settings(flags, named)
    else:
        own = [name for param in click.get_current_context().command.params for name in param.opts]
        refuse_unknown_flags(flags, [name for name in own if name.startswith("--")], named)


def refuse_unknown_flags(
    flags: Sequence[str], own: Collection[str], keys_named: KeysNamed = _no_keys
) -> None:
    """Refuse any flag where Beam's are not allowed: it is misspelt, or --beam is missing.

    Args:
        flags: what the command line has besides the command's own options.
        own: the names of those options, such as --root.
        keys_named: finds the setting that was meant.

    Raises:
        click.UsageError: there is a flag.
    """
    if not flags:
        return
    flag = flags[0].partition("=")[0]
    if not flag.startswith("-"):
        raise click.UsageError(f"unexpected argument {flag!r}: expected one recipe, then options")
    keys = keys_named(_setting(flag))
    advice = _how_to_set(keys) if keys else "If it is a flag of Beam's, add --beam."
    raise click.NoSuchOption(
        flag,
        f"No such option: {flag}. {advice}",
        possibilities=difflib.get_close_matches(flag, own, cutoff=0.75),
    )


def refuse_settings(flags: Sequence[str], keys_named: KeysNamed) -> None:
    """Refuse a flag that Beam does not know and that has the name of a setting.

    Raises:
        click.UsageError: there is one.
    """
    names = {flag.partition("=")[0] for flag in flags if flag.startswith("--")}
    if not any(keys_named(_setting(name)) for name in names):
        return  # without asking Beam, whose import takes seconds
    from components.beam.options import find_unknown_flags

    for flag in find_unknown_flags(flags):
        if keys := keys_named(_setting(flag)):
            raise click.NoSuchOption(flag, f"No such option: {flag}. {_how_to_set(keys)}")


def _setting(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")


def _how_to_set(keys: Sequence[str]) -> str:
    return "To change a setting, use " + " or ".join(f"--set {key}=…" for key in keys) + "."
