"""Convert typed values to plain ones and back: config files, `--set`, artifacts' manifests.

cattrs does the work; the hooks make it strict, where by default it would turn "no" into True, 3.7
into 3 and "abc" into the list of its letters. The word none stands for None where a field may be
None, since TOML has no null.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from cattrs import BaseValidationError, Converter, ForbiddenExtraKeysError, transform_error
from cattrs.cols import homogenous_tuple_structure_factory, mapping_structure_factory

from data.errors import ConfigError, PenstockError, suggest_names

T = TypeVar("T")


def _check_exact_type(value: Any, kind: type) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"expected {kind.__name__}, got {value!r}")
    return value


def _origin(kind: Any) -> Any:
    return get_origin(kind)


def _is_optional(kind: Any) -> bool:
    return _origin(kind) in (typing.Union, types.UnionType) and type(None) in get_args(kind)


def _make_optional_hook(kind: Any) -> Any:
    kinds = [t for t in get_args(kind) if t is not type(None)]
    target: Any = kinds[0] if len(kinds) == 1 else typing.Union[tuple(kinds)]  # noqa: UP007
    return lambda value, _: (
        None if value is None or value == "none" else _converter.structure(value, target)
    )


def _make_hook_factory(make: Any, accepted: tuple[type, ...], expected: str) -> Any:
    """Make a factory of hooks that refuse values of other types before `make`'s hook gets them."""

    def factory(kind: Any, converter: Converter) -> Any:
        structure = make(kind, converter)

        def hook(value: Any, _: Any) -> Any:
            if not isinstance(value, accepted):
                raise TypeError(f"expected {expected}, got {value!r}")
            return structure(value, kind)

        return hook

    return factory


def _structure_tuple(kind: Any, converter: Converter) -> Any:
    kinds = get_args(kind)
    if kinds[-1] is Ellipsis:
        return homogenous_tuple_structure_factory(kind, converter)

    def structure(value: Any, _: Any) -> Any:
        if len(value) != len(kinds):
            raise TypeError(f"expected a list of {len(kinds)}, got {value!r}")
        return tuple(map(converter.structure, value, kinds))

    return structure


def _has_origin(origin: type) -> Any:
    return lambda kind: _origin(kind) is origin


def _structure_literal(value: Any, kind: Any) -> Any:
    if value not in get_args(kind):
        raise ValueError(f"expected {' or '.join(map(repr, get_args(kind)))}, got {value!r}")
    return value


_converter = Converter(forbid_extra_keys=True)
for _kind in (int, float, bool, str):
    _converter.register_structure_hook(_kind, _check_exact_type)
_converter.register_structure_hook_func(
    lambda kind: _origin(kind) is typing.Literal, _structure_literal
)
_converter.register_structure_hook_factory(_is_optional, _make_optional_hook)
_converter.register_structure_hook_factory(
    _has_origin(tuple), _make_hook_factory(_structure_tuple, (list, tuple), "a list")
)
_converter.register_structure_hook_factory(
    _has_origin(dict),
    _make_hook_factory(mapping_structure_factory, (dict,), "a table of keys and values"),
)
_converter.register_structure_hook_factory(
    dataclasses.is_dataclass,
    _make_hook_factory(
        lambda kind, converter: converter.gen_structure_attrs_fromdict(kind),
        (dict,),
        "a table of keys and values",
    ),
)
_converter.register_structure_hook(Path, lambda value, _: Path(value))
_converter.register_unstructure_hook(Path, str)


def to_plain(value: Any) -> Any:
    """Turn dataclasses, tuples and paths into dicts, lists and strings that JSON can hold."""
    if isinstance(value, Mapping):
        return {key: to_plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):  # cattrs leaves what is in a bare one as it is
        return [to_plain(inner) for inner in value]
    return _converter.unstructure(value)


def from_plain(plain: Any, kind: type[T], where: str) -> T:
    """Turn a plain value back into a typed one. `where` is for messages, such as "train".

    Raises:
        ConfigError: a value of the wrong type, an unknown key (with the close matches), or a
            value that the class itself refuses.
    """
    try:
        return _converter.structure(plain, kind)
    except (TypeError, ValueError) as error:  # a bare value, not a class
        raise ConfigError(f"invalid config: {error} at {where}") from error
    except BaseValidationError as group:
        refusal = next((e for e in _list_errors(group) if isinstance(e, PenstockError)), None)
        if refusal:
            raise refusal from group
        problems = transform_error(group, path=where, format_exception=_describe_error)
        raise ConfigError(
            "invalid config: " + "; ".join(p.replace(" @ ", " at ") for p in problems),
            remedy="`penstock config RECIPE` prints every key with its meaning and value",
        ) from group


def check_types(config: Any, where: str) -> None:
    """Check the values of a dataclass, made in Python, against its fields' types.

    Raises:
        ConfigError: as `from_plain`.
    """
    from_plain(_to_plain_by_value(config), type(config), where)


def _to_plain_by_value(value: Any) -> Any:
    """Convert as `to_plain`, but by each value's own type, not by its field's."""
    if dataclasses.is_dataclass(value):
        return {
            f.name: _to_plain_by_value(getattr(value, f.name)) for f in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {key: _to_plain_by_value(inner) for key, inner in value.items()}
    return (
        [_to_plain_by_value(inner) for inner in value] if isinstance(value, list | tuple) else value
    )


def _list_errors(group: BaseException) -> list[BaseException]:
    if isinstance(group, BaseExceptionGroup):
        return [leaf for e in group.exceptions for leaf in _list_errors(e)]
    return [group]


def _describe_error(error: BaseException, _: type | None) -> str:
    if isinstance(error, ForbiddenExtraKeysError):
        fields = list(getattr(error.cl, "__dataclass_fields__", {}))
        return ", ".join(
            f"unknown key {name!r} ({suggest_names(name, fields)})"
            for name in sorted(map(str, error.extra_fields))
        )
    if isinstance(error, KeyError):
        return f"the key {error.args[0]!r} is missing"
    return str(error)
