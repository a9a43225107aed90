"""Define labelled files, and check what is true of all of them: classes, splits and groups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from data.base.visible_text import escape_line
from data.errors import BadDataError, ConfigError
from data.sources.file_source import LeftOut


class LabelledFile(NamedTuple):
    """A file of the dataset, before it is read."""

    name: str
    label: str
    split: str | None
    size: int
    identity: tuple[int, int] | None
    problem: str | None
    group: str | None = None
    features: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Dataset:
    """All files of a source, by code point of their names, and its classes in their order."""

    class_names: tuple[str, ...]
    files: Sequence[LabelledFile]
    left_out: Sequence[LeftOut]
    described: str  # where labels, splits and groups come from, for the step's summary


def refuse_shared_files(files: Iterable[LabelledFile]) -> None:
    """Refuse a file that two splits or two classes share, by hard or symbolic links.

    Raises:
        BadDataError: there is one.
    """
    first: dict[tuple[int, int], LabelledFile] = {}
    for file in files:
        if file.identity is None:
            continue
        other = first.setdefault(file.identity, file)
        if other.split != file.split:
            what, each = "two splits share a file", "one split"
        elif other.label != file.label:
            what, each = "two classes share a file", "one class"
        else:
            continue
        raise BadDataError(
            what,
            expected=f"each file in {each}, whatever links lead to it",
            got=f"{escape_line(other.name)} and {escape_line(file.name)} are one file",
            follows="nothing was ingested",
            remedy="remove one of the two",
        )


def refuse_divided_groups(files: Iterable[LabelledFile]) -> None:
    """Refuse a group with files in two splits, where the data defines the splits.

    Raises:
        BadDataError: there is one.
    """
    first: dict[str, LabelledFile] = {}
    for file in files:
        if file.group is None:
            continue
        other = first.setdefault(file.group, file)
        if other.split != file.split:
            raise BadDataError(
                f"the group {escape_line(file.group)!r} is in two splits",
                expected="all files of a group in one split",
                got=f"{escape_line(other.name)} in {other.split}, "
                f"{escape_line(file.name)} in {file.split}",
                follows="nothing was ingested",
                remedy="put the group's files into one split, or remove ingest.group",
            )


def compile_group(pattern: str) -> re.Pattern[str]:
    """Compile `ingest.group`, a regular expression with one group.

    Raises:
        ConfigError: it is none.
    """
    got = "no group"
    try:
        compiled = re.compile(pattern)
        if compiled.groups == 1:
            return compiled
        got = f"{compiled.groups} groups" if compiled.groups else got
    except (re.error, OverflowError, RecursionError) as error:
        got = str(error)
    raise ConfigError(
        "ingest.group is not a regular expression with one group",
        expected="a pattern of the file's path whose group, in parentheses, names what stays "
        "together, such as ([^/]+)_[0-9]+[.]jpg$; (?:…) is no group",
        got=f"{pattern!r}: {got}",
        follows="nothing was ingested",
        remedy="fix ingest.group",
    )


def match_group(pattern: re.Pattern[str], name: str) -> str:
    """Return the group of a file by its path.

    Raises:
        BadDataError: the pattern does not match, or its group is empty.
    """
    match = pattern.search(name)
    if match and match[1]:
        return match[1]
    raise BadDataError(
        f"ingest.group does not match the path of {escape_line(name)}",
        expected=f"a path that {pattern.pattern!r} matches, with a group that is not empty",
        got=repr(name),
        follows="nothing was ingested",
        remedy="change the pattern so that it matches every file, or move the file away",
    )
