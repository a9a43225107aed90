"""Find the columns of a table by settings and by their usual names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from data.base.visible_text import escape_line
from data.errors import BadDataError, ConfigError, suggest_names
from data.sources.image_files.labelled import compile_group
from data.sources.source_config import SourceConfig
from data.spec import IMAGE, LABEL, SPAN

Cells = tuple[str | None, ...]

USUAL_NAMES = {
    "path": (
        "path",
        "file",
        "filename",
        "file_name",
        "filepath",
        "file_path",
        "image",
        "image_path",
        "img",
        "img_path",
    ),
    "label": ("label", "class", "class_name", "category", "target"),
    "split": ("split", "subset", "partition"),
    "group": ("group",),
}
_OUR_FEATURES = {IMAGE, LABEL, SPAN, "format", "height", "width"}
_SHOWN = 12


class Table(Protocol):
    """Rows of text under a header."""

    unit: str  # what the numbers of rows count: "line" or "row", from 1
    header: tuple[str, ...]

    def read_rows(self, columns: Sequence[str]) -> Iterator[tuple[int, Cells]]:
        """Yield the number of each row and its cells in these columns."""
        ...


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns that are read."""

    path: str
    label: str
    split: str | None
    group: str | None
    pattern: re.Pattern[str] | None  # of the path, whose group is the group
    features: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """All columns, each once."""
        wanted = (self.path, self.label, self.split, self.group, *self.features)
        return list(dict.fromkeys(name for name in wanted if name is not None))

    def describe(self) -> str:
        """Return which column each thing is read from."""
        columns = {"path": self.path, "label": self.label, "split": self.split, "group": self.group}
        texts = [f"{role} from the column {n!r}" for role, n in columns.items() if n is not None]
        if self.pattern:
            texts.append(f"group by {self.pattern.pattern!r}")
        return escape_line(", ".join(texts))


def choose_columns(header: Sequence[str], config: SourceConfig, table: str) -> Columns:
    """Choose the columns of a table.

    Raises:
        BadDataError: the header is none, or more than one column has a usual name.
        ConfigError: a setting names a column that there is not.
    """
    check_header(header, table)

    def choose(role: str, given: str | None) -> str | None:
        if given is not None:
            return require_column(given, header, f"ingest.{role}_column", table) if given else None
        return _find(role, header, table)

    path, label = choose("path", config.path_column), choose("label", config.label_column)
    if path is None or label is None:
        role = "path" if path is None else "label"
        raise BadDataError(
            f"{table} has no column with the {role} of each image",
            expected=f"a header with one of {', '.join(USUAL_NAMES[role])}",
            got=_show(header),
            follows="nothing was ingested",
            remedy=f"--set ingest.{role}_column=NAME; a table without a header needs one",
        )
    group, pattern = choose_group(header, config.group, table)
    check_features(header, config.features, table)
    return Columns(
        path=path,
        label=label,
        split=choose("split", config.split_column),
        group=group,
        pattern=pattern,
        features=config.features,
    )


def choose_group(
    header: Sequence[str], setting: str | None, table: str
) -> tuple[str | None, re.Pattern[str] | None]:
    """Return the column with the group of each image, or the pattern of its path, or neither.

    Raises:
        BadDataError: more than one column has a usual name.
        ConfigError: the setting is neither a column nor a pattern with one group.
    """
    if setting is None:
        return _find("group", header, table), None
    if setting in header:
        return setting, None
    if re.fullmatch(r"[\w -]*", setting):
        require_column(setting, header, "ingest.group", table)
    return None, compile_group(setting)


def check_features(header: Sequence[str], names: Sequence[str], table: str) -> None:
    """Raise ConfigError if a table lacks one of `ingest.features`, or examples have it already."""
    for name in names:
        _check_feature(name, header, table)


def check_header(header: Sequence[str], table: str) -> None:
    """Raise BadDataError if there is no column, or two have one name."""
    twice = [name for name, count in Counter(header).items() if count > 1]
    if header and not twice:
        return
    raise BadDataError(
        f"{table} has no usable header",
        expected="a first row with the names of the columns, each once",
        got=f"{escape_line(twice[0])!r} more than once" if twice else "an empty table",
        follows="nothing was ingested",
        remedy="rename the column, or check ingest.path",
    )


def require_column(name: str, header: Sequence[str], setting: str, table: str) -> str:
    """Return a column's name; raise ConfigError if there is no such column."""
    if name in header:
        return name
    raise ConfigError(
        f"{table} has no column {name!r}",
        expected=_show(header),
        got=f"{setting} = {name!r}",
        follows="nothing was ingested",
        remedy=suggest_names(name, header[:1000]),
    )


def _find(role: str, header: Sequence[str], table: str) -> str | None:
    """Find a column by its usual names, in upper or lower case; None if there is none."""
    matches = [name for name in header if name.strip().lower() in USUAL_NAMES[role]]
    if len(matches) < 2:
        return matches[0] if matches else None
    setting = "ingest.group" if role == "group" else f"ingest.{role}_column"
    raise BadDataError(
        f"{table} has more than one column that could be the {role}",
        expected="one of them, or a setting",
        got=_show(matches),
        follows="nothing was ingested",
        remedy=f"--set {setting}={matches[0]}",
    )


def _check_feature(name: str, header: Sequence[str], table: str) -> None:
    require_column(name, header, "ingest.features", table)
    if name in _OUR_FEATURES:
        raise ConfigError(
            f"{name!r} cannot be a further feature",
            expected=f"other names than {', '.join(sorted(_OUR_FEATURES))}, which examples have",
            got=f"ingest.features with {name!r}",
            follows="nothing was ingested",
            remedy="rename the column",
        )


def _show(names: Sequence[str]) -> str:
    shown = ", ".join(escape_line(name)[:60] for name in names[:_SHOWN])
    return f"{shown} …" if len(names) > _SHOWN else shown
