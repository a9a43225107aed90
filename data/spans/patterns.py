"""Patterns of paths: `/data/day-{YYYY}-{MM}-{DD}/v{VERSION}` or `/data/span-{SPAN}.npz`.

A span is a slice of the data that comes at once, such as a day's; its name is what `{SPAN}` stands
for, or its day, YYYY-MM-DD.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

from data.errors import BadDataError, ConfigError, EnvironmentTrouble, suggest_names
from data.files.input_files import is_url
from data.spans.temporary import is_temporary, strip_temporary_marks

_FIELDS = {
    "SPAN": r"[A-Za-z0-9_][A-Za-z0-9_.-]*",
    "VERSION": r"[0-9]+",
    "YYYY": r"[0-9]{4}",
    "MM": r"[0-9]{2}",
    "DD": r"[0-9]{2}",
}
_DAY = ("YYYY", "MM", "DD")
_FIELD = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True)
class Match:
    """A file or folder that fits a pattern."""

    span: str
    version: int | None  # None: the pattern has no {VERSION}
    path: Path


class Matches(NamedTuple):
    """What fits a pattern, in no order, and what would if its name were not a temporary one."""

    found: list[Match]
    temporary: list[str]  # paths


def is_pattern(path: str | None) -> bool:
    """Whether a path has a field in braces."""
    return bool(path) and bool(_FIELD.search(str(path)))


def check_pattern(text: str) -> None:
    """Raises ConfigError: unknown fields or one twice, no span in it, or a URL."""
    fields = _FIELD.findall(text)
    for field in fields:
        if field not in _FIELDS:
            raise _wrong(text, f"{{{field}}}", suggest_names(field.upper(), _FIELDS))
        if fields.count(field) > 1:
            raise _wrong(text, f"{{{field}}} twice", "leave one of them out")
    day = [field for field in _DAY if field in fields]
    if ("SPAN" in fields) == bool(day) or 0 < len(day) < len(_DAY):
        got = " ".join(f"{{{field}}}" for field in fields)
        raise _wrong(text, got, "name a span by {SPAN}, or by {YYYY}, {MM} and {DD}")
    if is_url(text):
        raise _wrong(text, "a URL", "keep spans on a file system of this machine, or mount them")


def _wrong(text: str, got: str, remedy: str) -> ConfigError:
    return ConfigError(
        f"{text} is no pattern of spans",
        expected="a path with {SPAN}, or with {YYYY}, {MM} and {DD}; and {VERSION} or not; "
        "each of them once",
        got=got,
        remedy=remedy,
    )


def make_absolute(text: str) -> str:
    """The pattern as the ledger names it: absolute, without ~ and .."""
    return os.path.abspath(os.path.expanduser(text))


def find_matches(text: str) -> Matches:
    """All that fits the pattern now, in no order; hidden files and folders do not count.

    Raises:
        ConfigError: as `check_pattern`.
        BadDataError: nothing fits, or one span, or one version of it, lies at two paths.
        EnvironmentTrouble: a folder cannot be listed.
    """
    check_pattern(text)
    parts = Path(make_absolute(text)).parts
    fixed = next(place for place, part in enumerate(parts) if is_pattern(part))
    start, temporary = str(Path(*parts[:fixed])), list[str]()
    found = [
        _match(fields, path)
        for fields, path in _walk(start, parts[fixed:], {}, temporary)
        if _is_day(fields)
    ]
    if not found:
        raise BadDataError(
            f"nothing fits the pattern {text}",
            expected=f"files or folders in {start} called like {Path(*parts[fixed:])}",
            got=_seen(start),
            remedy="mend ingest.path, or wait for the first span",
        )
    _refuse_two(text, found)
    return Matches(found, sorted(temporary))


def _walk(
    folder: str, parts: tuple[str, ...], fields: Mapping[str, str], temporary: list[str]
) -> Iterator[tuple[Mapping[str, str], str]]:
    """Fields → path of each that fits; only names that a folder lists are followed.

    Paths of what would fit if its name were not a temporary one are added to `temporary`.
    """
    if not parts:
        yield fields, folder
        return
    if not is_pattern(parts[0]):
        path = os.path.join(folder, parts[0])
        if os.path.exists(path):
            yield from _walk(path, parts[1:], fields, temporary)
        return
    form = _form(parts[0])
    names = _names(folder)
    for name in names:
        if name.endswith(".done") and name.removesuffix(".done") in names:  # a marker
            continue
        fits = form.fullmatch(name)
        here, path = fits.groupdict() if fits else {}, os.path.join(folder, name)
        if fits and not name.startswith(".") and not is_temporary(here.get("SPAN", "")):
            yield from _walk(path, parts[1:], {**fields, **here}, temporary)
        elif fits or (is_temporary(name) and form.fullmatch(strip_temporary_marks(name))):
            temporary.append(path)


@functools.cache
def _form(part: str) -> re.Pattern[str]:
    """A regular expression for a name: all but the fields stands for itself."""
    pieces = _FIELD.split(part)  # text, field, text, field, …, text
    return re.compile(
        "".join(
            f"(?P<{piece}>{_FIELDS[piece]})" if place % 2 else re.escape(piece)
            for place, piece in enumerate(pieces)
        )
    )


def _names(folder: str) -> set[str]:
    try:
        return {entry.name for entry in os.scandir(folder)}
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError as error:
        raise EnvironmentTrouble(
            f"{folder} cannot be listed",
            got=error.strerror,
            follows="nothing ran",
            remedy="mend the permissions or the disk, then run the same command again",
        ) from error


def _is_day(fields: Mapping[str, str]) -> bool:
    """Whether the fields, if they name a day, name one that there is."""
    if "SPAN" in fields:
        return True
    try:
        date(*(int(fields[field]) for field in _DAY))
    except ValueError:
        return False
    return True


def _match(fields: Mapping[str, str], path: str) -> Match:
    name = fields.get("SPAN") or "-".join(fields[field] for field in _DAY)
    version = fields.get("VERSION")
    return Match(name, None if version is None else int(version), Path(path))


def span_sort_key(span: str) -> tuple[int, int, str]:
    """What spans are sorted by, the oldest first: numbers as such and first, then names."""
    return (0, int(span), "") if span.isdigit() else (1, 0, span)


def _refuse_two(text: str, found: list[Match]) -> None:
    """Refuse a number that is written in two ways, of whatever versions, and one version twice."""
    spans: dict[object, Match] = {}
    versions: dict[object, Match] = {}
    for match in sorted(found, key=lambda match: str(match.path)):
        other, which = spans.setdefault(span_sort_key(match.span), match), ""
        if other.span == match.span:
            other = versions.setdefault((match.span, match.version), match)
            which = "" if match.version is None else f", version {match.version},"
        if other is not match:
            raise BadDataError(
                f"the span {match.span}{which} of {text} lies at two paths",
                expected="one",
                got=f"{other.path} and {match.path}",
                follows="nothing ran",
                remedy="move one of them away",
            )


def _seen(start: str) -> str:
    names = sorted(_names(start))
    return f"{', '.join(names[:8])}{' …' if len(names) > 8 else ''}" or "nothing there"
