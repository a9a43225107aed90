"""Match paths to patterns: `/data/day-{YYYY}-{MM}-{DD}/v{VERSION}` or `/data/span-{SPAN}.npz`.

A span is a part of the data that arrives together, such as one day. Its name is the text that
`{SPAN}` matches, or its day, YYYY-MM-DD.
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
    """A file or folder that matches a pattern."""

    span: str
    version: int | None  # None: the pattern has no {VERSION}
    path: Path


class Matches(NamedTuple):
    """The matches of a pattern, unordered, and the paths left out for their temporary names."""

    matches: list[Match]
    temporary: list[str]


def is_pattern(path: str | None) -> bool:
    """Return whether a path has a field in braces."""
    return bool(path) and bool(_FIELD.search(str(path)))


def check_pattern(text: str) -> None:
    """Check a pattern. Raises ConfigError: unknown or repeated field, no span field, or a URL."""
    fields = _FIELD.findall(text)
    for field in fields:
        if field not in _FIELDS:
            raise _pattern_error(text, f"{{{field}}}", suggest_names(field.upper(), _FIELDS))
        if fields.count(field) > 1:
            raise _pattern_error(text, f"{{{field}}} twice", "remove one of them")
    day = [field for field in _DAY if field in fields]
    if ("SPAN" in fields) == bool(day) or 0 < len(day) < len(_DAY):
        got = " ".join(f"{{{field}}}" for field in fields)
        raise _pattern_error(text, got, "use {SPAN}, or {YYYY}, {MM} and {DD}")
    if is_url(text):
        raise _pattern_error(text, "a URL", "keep spans on a local or mounted file system")


def _pattern_error(text: str, got: str, remedy: str) -> ConfigError:
    return ConfigError(
        f"invalid pattern of spans {text}",
        expected="a local path with {SPAN}, or with {YYYY}, {MM} and {DD}, and optionally "
        "{VERSION}; each field once",
        got=got,
        remedy=remedy,
    )


def make_absolute(text: str) -> str:
    """Return the pattern as an absolute path without ~ and .., as the ledger keeps it."""
    return os.path.abspath(os.path.expanduser(text))


def find_matches(text: str) -> Matches:
    """Find the files and folders that match a pattern, except hidden ones, unordered.

    Raises:
        ConfigError: as `check_pattern`.
        BadDataError: no match, or two matches for one version of a span.
        EnvironmentTrouble: a folder cannot be listed.
    """
    check_pattern(text)
    parts = Path(make_absolute(text)).parts
    fixed = next(index for index, part in enumerate(parts) if is_pattern(part))
    start, temporary = str(Path(*parts[:fixed])), list[str]()
    matches = [
        _make_match(fields, path)
        for fields, path in _walk(start, parts[fixed:], {}, temporary)
        if _is_valid_day(fields)
    ]
    if not matches:
        raise BadDataError(
            f"no file or folder matches the pattern {text}",
            expected=f"files or folders in {start} with names like {Path(*parts[fixed:])}",
            got=_describe_folder(start),
            remedy="fix ingest.path, or wait for the first span",
        )
    _refuse_duplicates(text, matches)
    return Matches(matches, sorted(temporary))


def _walk(
    folder: str, parts: tuple[str, ...], fields: Mapping[str, str], temporary: list[str]
) -> Iterator[tuple[Mapping[str, str], str]]:
    """Yield the fields and the path of each match below a folder.

    Paths that would match without their temporary names are added to `temporary`.
    """
    if not parts:
        yield fields, folder
        return
    if not is_pattern(parts[0]):
        path = os.path.join(folder, parts[0])
        if os.path.exists(path):
            yield from _walk(path, parts[1:], fields, temporary)
        return
    regex = _compile(parts[0])
    names = _list_names(folder)
    for name in names:
        if name.endswith(".done") and name.removesuffix(".done") in names:  # a marker
            continue
        match = regex.fullmatch(name)
        values, path = match.groupdict() if match else {}, os.path.join(folder, name)
        if match and not name.startswith(".") and not is_temporary(values.get("SPAN", "")):
            yield from _walk(path, parts[1:], {**fields, **values}, temporary)
        elif match or (is_temporary(name) and regex.fullmatch(strip_temporary_marks(name))):
            temporary.append(path)


@functools.cache
def _compile(part: str) -> re.Pattern[str]:
    """Compile a part of a pattern to a regular expression: only its fields are variable."""
    pieces = _FIELD.split(part)  # text, field, text, field, …, text
    return re.compile(
        "".join(
            f"(?P<{piece}>{_FIELDS[piece]})" if index % 2 else re.escape(piece)
            for index, piece in enumerate(pieces)
        )
    )


def _list_names(folder: str) -> set[str]:
    try:
        return {entry.name for entry in os.scandir(folder)}
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError as error:
        raise EnvironmentTrouble(
            f"{folder} cannot be listed",
            got=error.strerror,
            follows="nothing ran",
            remedy="fix the permissions or the disk, then run the same command again",
        ) from error


def _is_valid_day(fields: Mapping[str, str]) -> bool:
    """Return whether the fields name a day of the calendar, or no day at all."""
    if "SPAN" in fields:
        return True
    try:
        date(*(int(fields[field]) for field in _DAY))
    except ValueError:
        return False
    return True


def _make_match(fields: Mapping[str, str], path: str) -> Match:
    name = fields.get("SPAN") or "-".join(fields[field] for field in _DAY)
    version = fields.get("VERSION")
    return Match(name, None if version is None else int(version), Path(path))


def span_sort_key(span: str) -> tuple[int, int, str]:
    """Return the sort key of a span, the oldest first: numbers by value, then names."""
    return (0, int(span), "") if span.isdigit() else (1, 0, span)


def _refuse_duplicates(text: str, matches: list[Match]) -> None:
    """Refuse a span number written in two ways (7 and 007), and one version at two paths."""
    spans: dict[object, Match] = {}
    versions: dict[object, Match] = {}
    for match in sorted(matches, key=lambda match: str(match.path)):
        other, which = spans.setdefault(span_sort_key(match.span), match), ""
        if other.span == match.span:
            other = versions.setdefault((match.span, match.version), match)
            which = "" if match.version is None else f", version {match.version},"
        if other is not match:
            raise BadDataError(
                f"the span {match.span}{which} of {text} exists at two paths",
                expected="one path for each version of a span",
                got=f"{other.path} and {match.path}",
                follows="nothing ran",
                remedy="move one of them to another folder",
            )


def _describe_folder(folder: str) -> str:
    names = sorted(_list_names(folder))
    return f"{', '.join(names[:8])}{' …' if len(names) > 8 else ''}" or "an empty or missing folder"
