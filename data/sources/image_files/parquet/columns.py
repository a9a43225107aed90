"""Find the columns of the images and of the labels in a Parquet file's schema, by their types."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from data.base.visible_text import escape_line
from data.errors import BadDataError, ConfigError
from data.files.parquet.file import is_text
from data.sources.image_files.tables.columns import (
    USUAL_NAMES,
    check_features,
    check_header,
    choose_group,
    require_column,
)
from data.sources.source_config import SourceConfig

_SHOWN = 20  # most columns that an error names


@dataclass(frozen=True, kw_only=True)
class ParquetColumns:
    """The columns that are read; the same in all files."""

    image: str
    contents: str  # path in the schema of the images' bytes: image or image.bytes
    paths: str | None  # path in the schema of the images' own paths; None: there are none
    label: str
    is_number: bool  # whether labels are integers
    names: tuple[str, ...] | None  # of the classes 0, 1, …; None: the schema has none
    group: str | None
    pattern: re.Pattern[str] | None  # of an image's own path
    features: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """Columns of text or integers beside image and label, each once."""
        group = (self.group,) if self.group is not None else ()
        return tuple(dict.fromkeys((*group, *self.features)))

    @property
    def names_read(self) -> list[str]:
        """Paths in the schema of all columns that are read."""
        names = [self.contents, self.label, *self.texts]
        return names if self.pattern is None or self.paths is None else [*names, self.paths]

    def describe(self) -> str:
        """Return which column each thing is read from."""
        texts = [f"image from the column {self.image!r}", f"label from the column {self.label!r}"]
        if self.names is not None:
            texts[1] += " with names of the schema"
        if self.group is not None:
            texts.append(f"group from the column {self.group!r}")
        if self.pattern is not None:
            texts.append(f"group by {self.pattern.pattern!r}")
        return escape_line(", ".join(texts))


def choose_columns(schema: Any, config: SourceConfig, where: str) -> ParquetColumns:
    """Choose the columns of a file.

    Args:
        schema: its Arrow schema.
        config: the settings.
        where: the file, for messages.

    Raises:
        BadDataError: there is no column of images or of labels, or invalid class names.
        ConfigError: several columns fit and no setting decides, or a setting names a wrong one.
    """
    check_header(schema.names, where)
    image = _choose(
        schema, "image", config.image_column, where, lambda: _find_images(schema), _is_image
    )
    group, pattern = choose_group(schema.names, config.group, where)
    check_features(schema.names, config.features, where)
    named = _read_class_names(schema, where)
    others = {image, group, *config.features}
    label = _choose(
        schema,
        "label",
        config.label_column,
        where,
        lambda: _find_labels(schema, named, others),
        lambda kind: _is_number(kind) or _is_label_text(kind),
    )
    for name in (group, *config.features):
        kind = None if name is None else schema.field(name).type
        if kind is not None and not (_is_number(kind) or _is_label_text(kind)):
            setting = "ingest.group" if name == group else "ingest.features"
            raise _wrong_type_error(schema, name, setting, "text or integers", where)
    kind = schema.field(image).type
    paths = f"{image}.path" if _has_field(kind, "path") else None
    if pattern is not None and paths is None:
        raise ConfigError(
            f"the images of {where} have no paths, which ingest.group would be a pattern of",
            expected=f"a field 'path' beside the bytes in the column {image!r}, or a column's name",
            got=f"ingest.group = {config.group!r}, and {image!r} of {escape_line(str(kind))}",
            follows="nothing was ingested",
            remedy="--set ingest.group=NAME with the name of a column, or remove it",
        )
    return ParquetColumns(
        image=image,
        contents=f"{image}.bytes" if _has_field(kind, "bytes") else image,
        paths=paths,
        label=label,
        is_number=_is_number(schema.field(label).type),
        names=named.get(label),
        group=group,
        pattern=pattern,
        features=config.features,
    )


def _choose(
    schema: Any,
    role: str,
    given: str | None,
    where: str,
    find: Callable[[], list[str]],
    fits: Callable[[Any], bool],
) -> str:
    setting = f"ingest.{role}_column"
    needed = (
        "struct<bytes: binary, path: string> or binary"
        if role == "image"
        else "int64, with class names in the schema's metadata or without, or string"
    )
    if given is not None:
        name = require_column(given, schema.names, setting, where)
        if not fits(schema.field(name).type):
            raise _wrong_type_error(schema, name, setting, needed, where)
        return name
    found = find()
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(
            f"{where} has more than one column that could be the {role}",
            expected=f"{setting}, which says which",
            got=_show(schema, found),
            follows="nothing was ingested",
            remedy=f"--set {setting}={found[0]}",
        )
    raise BadDataError(
        f"{where} has no column with the {role} of each row",
        expected=f"a column of {needed}",
        got=_show(schema, schema.names),
        follows="nothing was ingested",
        remedy="a table of paths is read by --set ingest.source=table"
        if role == "image"
        else f"--set {setting}=NAME",
    )


def _find_images(schema: Any) -> list[str]:
    import pyarrow as pa

    structs = [f.name for f in schema if pa.types.is_struct(f.type) and _is_image(f.type)]
    return structs or [field.name for field in schema if _is_image(field.type)]


def _find_labels(
    schema: Any, named: dict[str, tuple[str, ...]], others: set[str | None]
) -> list[str]:
    """Find columns with class names, else with a usual name, else the only one that is left."""
    if named:
        return list(named)
    left = [
        field.name
        for field in schema
        if field.name not in others and (_is_number(field.type) or _is_label_text(field.type))
    ]
    usual = [name for name in left if name.strip().lower() in (*USUAL_NAMES["label"], "labels")]
    return usual or left


def _is_image(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return _has_field(kind, "bytes") and _is_binary(kind.field("bytes").type)
    return _is_binary(kind)


def _has_field(kind: Any, name: str) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_struct(kind) and kind.get_field_index(name) >= 0)


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind))


def _is_label_text(kind: Any) -> bool:
    import pyarrow as pa

    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return is_text(inner) and not _is_binary(inner)


def _read_class_names(schema: Any, where: str) -> dict[str, tuple[str, ...]]:
    """Read the class names that `datasets` writes into the schema: column of integers → names."""
    text = (schema.metadata or {}).get(b"huggingface")
    if text is None:
        return {}
    try:
        features = json.loads(text)["info"]["features"]
        kinds = {name: features[name] for name in schema.names if name in features}
    except (ValueError, KeyError, TypeError, RecursionError):
        kinds = {"huggingface": {"_type": "ClassLabel"}}
    named = {}
    for column, kind in kinds.items():
        if not isinstance(kind, dict) or kind.get("_type") != "ClassLabel":
            continue
        names: Any = kind.get("names")
        if not _are_names(names) or not _is_number(_get_type(schema, column)):
            raise BadDataError(
                f"the schema of {where} has invalid class names",
                expected="metadata as the library datasets writes it: a column of integers, and a "
                "list with the name of each class, once",
                got=f"{escape_line(column)}: {escape_line(repr(names))[:200]}",
                follows="nothing was ingested",
                remedy="write the file again with datasets.ClassLabel, or without the metadata",
            )
        named[column] = tuple(names)
    return named


def _are_names(names: object) -> bool:
    return (
        isinstance(names, list)
        and all(isinstance(name, str) for name in names)
        and len(set(names)) == len(names) > 0
    )


def _get_type(schema: Any, column: str) -> Any:
    import pyarrow as pa

    return schema.field(column).type if column in schema.names else pa.null()


def _wrong_type_error(
    schema: Any, name: str | None, setting: str, needed: str, where: str
) -> ConfigError:
    return ConfigError(
        f"{where} has another type in the column {name!r}",
        expected=f"{needed}; it has {_show(schema, schema.names)}",
        got=f"{setting} with {_show(schema, [str(name)])}",
        follows="nothing was ingested",
        remedy=f"set {setting} to another column, or remove it",
    )


def _show(schema: Any, names: Sequence[str]) -> str:
    shown = [f"{name}: {schema.field(name).type}"[:80] for name in names[:_SHOWN]]
    return escape_line(", ".join(shown) + (" …" if len(names) > _SHOWN else "")) or "no columns"
