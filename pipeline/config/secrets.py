"""Read secrets from where a flag or setting refers to, `env:VARIABLE` or `file:/PATH`.

A secret itself is refused, since the ledger stores Beam's flags and configs.
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
_PATH_NAME = re.compile(r"_(file|path)$", re.IGNORECASE)  # a secret's path is no secret
# Of settings, where `key` alone is often a column of a table.
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
_FOLLOWS = "nothing ran, and nothing was stored"


class _Flag(NamedTuple):
    name: str  # with its dashes
    value: str | None  # None: the flag has no value
    arguments: int  # 1, --name=value, or 2


def is_secret_reference(value: str, what: str) -> bool:
    """Whether a value refers to a secret by variable or file.

    Args:
        value: of a flag or setting.
        what: the name of the flag or setting, for messages.

    Raises:
        ConfigError: the name of the variable or the file is invalid.
    """
    where, _, name = value.partition(":")
    if where == "env" and not _VARIABLE.fullmatch(name):
        raise ConfigError(f"{what}=env:…: invalid variable name", expected="letters, digits and _")
    if where == "file" and not name.startswith("//") and not Path(name).is_absolute():
        raise ConfigError(f"{what}=file:…: invalid path", expected="an absolute path", got=name)
    return where == "env" or (where == "file" and not name.startswith("//"))


def read_secret(value: str) -> str:
    """Read the secret that a value refers to; from now on all output hides it.

    Space around it is removed.

    Raises:
        EnvironmentTrouble: the variable is not set, the file cannot be read, or it is empty.
    """
    where, _, name = value.partition(":")
    text = (os.environ.get(name, "") if where == "env" else _read(name)).strip()
    if not text:
        what = f"the variable {name}" if where == "env" else f"the file {name}"
        raise EnvironmentTrouble(
            f"{what} is {'not set' if where == 'env' else 'empty'}",
            expected="the secret that a setting or flag refers to",
            remedy=f"set {name}" if where == "env" else f"write the secret to {name}",
        )
    remember_secret(text)
    logging.setLogRecordFactory(_Record)
    return text


class _Record(logging.LogRecord):
    """A log record of any library, with the secrets hidden."""

    def getMessage(self) -> str:
        return redact(super().getMessage())


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise EnvironmentTrouble(
            f"the file {path} cannot be read: {why}",
            expected="a file that holds the secret alone",
            remedy="make it readable for this user, or refer to another file",
        ) from None


def refuse_secrets_in_flags(flags: Sequence[str]) -> None:
    """Refuse Beam's flags where one may hold a secret.

    Raises:
        ConfigError: a flag may hold one. The message does not repeat it.
    """
    for flag in _parse_flags(flags):
        name = flag.name.lstrip("-")
        if flag.value is not None and is_secret_reference(flag.value, flag.name):
            continue
        secret = _SECRET_FLAG.search(name) and name not in _SWITCHES
        if (secret and not _PATH_NAME.search(name)) or _holds_secret(flag.value or ""):
            raise ConfigError(
                f"the value of {flag.name} may be a secret, and flags are stored",
                expected=f"{flag.name}=env:VARIABLE, or {flag.name}=file:/PATH of a file that "
                "holds the value alone",
                got="nothing" if flag.value is None else "the value itself",
                follows=_FOLLOWS,
                remedy="refer to it: it is read when the work begins, and never stored",
            )


def read_secrets_in_flags(flags: Sequence[str]) -> tuple[str, ...]:
    """Replace references in flags by the secrets themselves, for Beam alone.

    Raises:
        EnvironmentTrouble: a variable is not set, or a file cannot be read.
    """
    resolved: list[str] = []
    rest = list(flags)
    for flag in _parse_flags(flags):
        given, rest = rest[: flag.arguments], rest[flag.arguments :]
        refers = flag.value is not None and is_secret_reference(flag.value, flag.name)
        resolved += [f"{flag.name}={read_secret(str(flag.value))}"] if refers else given
    return tuple(resolved)


def list_variables(flags: Sequence[str]) -> tuple[str, ...]:
    """List the environment variables that the flags refer to."""
    values = [flag.value or "" for flag in _parse_flags(flags)]
    return tuple(value.removeprefix("env:") for value in values if value.startswith("env:"))


def _parse_flags(arguments: Sequence[str]) -> Iterator[_Flag]:
    """Parse Beam's flags; an argument that belongs to no flag is a flag without a name."""
    left = list(arguments)
    while left:
        argument = left.pop(0)
        name, equals, value = argument.partition("=")
        if not argument.startswith("-"):
            yield _Flag("", argument, 1)
        elif equals:
            yield _Flag(name, value, 1)
        elif left and not left[0].startswith("-"):
            yield _Flag(name, left.pop(0), 2)
        else:
            yield _Flag(name, None, 1)


def refuse_secrets_in_config(step: str, config: Any) -> None:
    """Refuse a step's config, in plain values, where it may hold a secret.

    Raises:
        ConfigError: a value may be one. The message does not repeat it.
    """
    for path, value in _texts(config, ()):
        key = ".".join((step, *path))
        if has_password(value):
            raise ConfigError(
                f"the URL of {key} holds a password, and configs are stored",
                expected="a URL without a password",
                got=redact(value),
                follows=_FOLLOWS,
                remedy="put it where that store's client reads it: its environment or file",
            )
        secret = path and _SECRET_OPTION.search(path[-1]) and not _PATH_NAME.search(path[-1])
        if secret and not is_secret_reference(value, key):
            raise ConfigError(
                f"{key} may be a secret, and configs are stored",
                expected=f'{key} = "env:VARIABLE" or "file:/PATH", which your own code reads',
                got="the value itself",
                follows=_FOLLOWS,
                remedy="let your code read it from the environment or a file",
            )


def _texts(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield all texts, each with the keys that lead there; items of a list have its key."""
    if isinstance(value, str):
        if value:
            yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, path)


def _holds_secret(value: str) -> bool:
    return has_password(value) or bool(_WITHIN.search(value))
