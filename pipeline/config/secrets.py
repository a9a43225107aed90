"""Secrets are named where they are kept, `env:VARIABLE` or `file:/PATH`, and read when needed.

What a user hands over is kept: Beam's flags in the ledger of schedules, a config in that of runs.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from data.errors import ConfigError, EnvironmentTrouble
from data.redaction import has_password, redact, remember_secret

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET_FLAG = re.compile(r"key|secret|token|passw|credential|connection_string", re.IGNORECASE)
_PLACE = re.compile(r"_(file|path)$", re.IGNORECASE)  # where a secret lies is none
# Of a config's own options, where `key` alone is often a column of a table.
_SECRET_OPTION = re.compile(
    r"secret|passw|token$|credential|connection_string|(api|access|private|account)_?key",
    re.IGNORECASE,
)
# Beam's switches, which take no value
_SWITCHES = ("enable_hot_key_logging", "allow_non_deterministic_key_coders")
# KEY=… or "key": … within a value, as in a container's environment
_WITHIN = re.compile(
    r"(key|secret|token|passw(or)?d|credentials?|sig)[\"']?\s*[=:]\s*[\"']?[^\s\"']", re.IGNORECASE
)
_FOLLOWS = "nothing ran, and nothing was kept"


class _Flag(NamedTuple):
    name: str  # with its dashes
    value: str | None  # None: there is none
    words: int  # one, --name=value, or two


def is_secret_reference(value: str, what: str) -> bool:
    """Whether it says where a secret is kept.

    Args:
        what: it is the value of, for messages.

    Raises:
        ConfigError: it is to say so, but names no variable and no file that can be.
    """
    where, _, name = value.partition(":")
    if where == "env" and not _VARIABLE.fullmatch(name):
        raise ConfigError(f"{what}=env:… names no variable", expected="letters, digits and _")
    if where == "file" and not name.startswith("//") and not Path(name).is_absolute():
        raise ConfigError(f"{what}=file:… names no file", expected="an absolute path", got=name)
    return where == "env" or (where == "file" and not name.startswith("//"))


def read_secret(value: str) -> str:
    """What is kept where `value` says, without space around it; hidden in all text from now on.

    Raises:
        EnvironmentTrouble: the variable is not set, or the file cannot be read, or is empty.
    """
    where, _, name = value.partition(":")
    text = (os.environ.get(name, "") if where == "env" else _read(name)).strip()
    if not text:
        gone = f"the environment has no {name}" if where == "env" else f"{name} is empty"
        raise EnvironmentTrouble(gone)
    remember_secret(text)
    logging.setLogRecordFactory(_Record)
    return text


class _Record(logging.LogRecord):
    """What any library logs, with no secret that was read."""

    def getMessage(self) -> str:
        return redact(super().getMessage())


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise EnvironmentTrouble(f"{path} cannot be read: {why}") from None


def refuse_secrets_in_flags(flags: Sequence[str]) -> None:
    """Hold Beam's flags to it that no secret stands in them.

    Raises:
        ConfigError: one does. It is not repeated.
    """
    for flag in _flags(flags):
        bare = flag.name.lstrip("-")
        if flag.value is not None and is_secret_reference(flag.value, flag.name):
            continue
        secret = _SECRET_FLAG.search(bare) and bare not in _SWITCHES
        if (secret and not _PLACE.search(bare)) or _shows_one(flag.value or ""):
            raise ConfigError(
                f"the value of {flag.name} may be a secret, and flags are kept",
                expected=f"{flag.name}=env:VARIABLE, or {flag.name}=file:/PATH of a file that "
                "holds the value alone",
                got="nothing" if flag.value is None else "the value itself",
                follows=_FOLLOWS,
                remedy="name where it is kept: it is read when the work begins, and never written",
            )


def read_secrets_in_flags(flags: Sequence[str]) -> tuple[str, ...]:
    """The flags with what is kept where they say, for Beam alone.

    Raises:
        EnvironmentTrouble: a variable is not set, or a file cannot be read.
    """
    found: list[str] = []
    words = list(flags)
    for flag in _flags(flags):
        given, words = words[: flag.words], words[flag.words :]
        named = flag.value is not None and is_secret_reference(flag.value, flag.name)
        found += [f"{flag.name}={read_secret(str(flag.value))}"] if named else given
    return tuple(found)


def list_variables(flags: Sequence[str]) -> tuple[str, ...]:
    """The names of the variables that the flags' secrets are kept in."""
    values = [flag.value or "" for flag in _flags(flags)]
    return tuple(value.removeprefix("env:") for value in values if value.startswith("env:"))


def _flags(words: Sequence[str]) -> Iterator[_Flag]:
    """Beam's flags; a word that is none, and no flag's value, is a flag without a name."""
    left = list(words)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            yield _Flag("", word, 1)
        elif equals:
            yield _Flag(name, value, 1)
        elif left and not left[0].startswith("-"):
            yield _Flag(name, left.pop(0), 2)
        else:
            yield _Flag(name, None, 1)


def refuse_secrets_in_config(step: str, config: Any) -> None:
    """Hold a step's config, JSON-able, to it that no secret stands in it.

    Raises:
        ConfigError: one does. It is not repeated.
    """
    for path, value in _texts(config, ()):
        key = ".".join((step, *path))
        if has_password(value):
            raise ConfigError(
                f"the URL of {key} holds a password, and a run's config is kept",
                expected="a URL without one",
                got=redact(value),
                follows=_FOLLOWS,
                remedy="leave it to what the store's client reads: its environment, its own file",
            )
        secret = path and _SECRET_OPTION.search(path[-1]) and not _PLACE.search(path[-1])
        if secret and not is_secret_reference(value, key):
            raise ConfigError(
                f"{key} may be a secret, and a run's config is kept",
                expected=f'{key} = "env:VARIABLE" or "file:/PATH", which your own code reads',
                got="the value itself",
                follows=_FOLLOWS,
                remedy="let your code read it where it is kept, from the environment or a file",
            )


def _texts(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """All texts in it, each with the keys that lead there; the items of a list have its key."""
    if isinstance(value, str):
        if value:
            yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, path)


def _shows_one(value: str) -> bool:
    return has_password(value) or bool(_WITHIN.search(value))
