"""Who is told: targets as text. A secret is named in them, and read at the moment of sending."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from data.errors import ConfigError
from pipeline.config.secrets import is_secret_reference, read_secret

KINDS = ("command", "webhook", "apprise")
# What looks like a key: long and of all kinds of letters, or of hexadecimal digits, or named so.
_KEY = re.compile(
    r"(?=[\w-]*[0-9])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{20,}"
    r"|(?=[0-9a-fA-F-]*[0-9])[0-9a-fA-F-]{24,}"
    r"|(?i:key|token|secret|password|sig)="
)
_NAME_IT = "name the secret: {kind}=env:VARIABLE, or {kind}=file:/PATH that holds the URL alone"


@dataclass(frozen=True)
class Target:
    """One target.

    Args:
        kind: one of `KINDS`.
        value: what stands behind the `=`: a command line, a URL, or where a URL is to be read.
    """

    kind: str
    value: str

    @property
    def shown(self) -> str:
        """The target with nothing that could be a secret: for logs and errors."""
        if self.kind == "command":
            return f"command={self.argv[0]}"
        if self.value.startswith(("env:", "file:")):
            return f"{self.kind}={self.value}"
        url = urlsplit(self.value)
        return f"{self.kind}={url.scheme}://{url.hostname or ''}/…"

    @property
    def argv(self) -> list[str]:
        """The words of a command."""
        return shlex.split(self.value)

    def url(self) -> str:
        """The URL, read from where it is kept.

        Raises:
            ConfigError: what was read is no URL.
            EnvironmentTrouble: the variable is not set, or the file cannot be read.
        """
        text = read_secret(self.value) if _named(self) else self.value
        if self.kind == "webhook":
            _check_address(text, self.shown)
        return text


def parse(text: str) -> Target:
    """The target that `text` names.

    Raises:
        ConfigError: it names none, or holds a secret. What it holds is not repeated.
    """
    kind, equals, value = text.partition("=")
    if kind not in KINDS or not equals or not value.strip():
        raise ConfigError(
            "nobody can be told so",
            expected="command=/path/to/program ARGS, webhook=URL, webhook=env:VARIABLE, "
            "apprise=env:VARIABLE or …=file:/path",
            got=f"{kind}=…" if equals else "a text without `=`",
        )
    target = Target(kind, value.strip())
    {"command": _check_command, "webhook": _check_webhook, "apprise": _check_named}[kind](target)
    return target


def _check_command(target: Target) -> None:
    try:
        words = target.argv
    except ValueError as error:
        raise ConfigError(
            "the command to tell with cannot be read", got=str(error), remedy="close the quotes"
        ) from None
    program = Path(words[0])
    if not program.is_absolute() or not program.is_file() or not os.access(program, os.X_OK):
        raise ConfigError(
            f"{program} cannot be told with",
            expected="the absolute path of an executable file; no shell reads the command",
        )
    if any(_credentials(word) or _KEY.search(word) for word in words[1:]):
        raise ConfigError(
            f"the arguments of {program} hold a password or a key, which the ledger would keep",
            remedy="let the program read it from its environment or from a file",
        )


def _check_webhook(target: Target) -> None:
    if _named(target):
        return
    _check_address(target.value, "webhook=…")
    url = urlsplit(target.value)
    if _credentials(target.value) or _KEY.search(f"{url.path}?{url.query}"):
        raise ConfigError(
            f"the address at {url.hostname} holds a password or a key, which the ledger would keep",
            remedy=_NAME_IT.format(kind="webhook"),
        )


def _check_named(target: Target) -> None:
    if not _named(target):
        raise ConfigError(
            "an Apprise URL holds its secret, which the ledger would keep",
            remedy=_NAME_IT.format(kind=target.kind),
        )


def _named(target: Target) -> bool:
    """Whether the URL is kept elsewhere, in a place that can be."""
    return is_secret_reference(target.value, target.kind)


def _check_address(url: str, shown: str) -> None:
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, half an IPv6 address
        fine = False
    if not fine or re.search(r"\s", url):
        raise ConfigError(f"{shown} is no address", expected="http://… or https://…")


def _credentials(url: str) -> bool:
    return "@" in url.partition("://")[2].partition("/")[0]
