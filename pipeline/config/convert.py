"""Typed values to plain ones and back: for config files, `--set`, and artifacts' manifests.

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


def _strict(value: Any, kind: type) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"expected {kind.__name__}, got {value!r}")
    return value


def _origin(kind: Any) -> Any:
    return get_origin(kind)


def _is_optional(kind: Any) -> bool:
    return _origin(kind) in (typing.Union, types.UnionType) and type(None) in get_args(kind)


def _optional_hook(kind: Any) -> Any:
    inner = [t for t in get_args(kind) if t is not type(None)]
    target: Any = inner[0] if len(inner) == 1 else typing.Union[tuple(inner)]  # noqa: UP007
    return lambda value, _: (
        None if value is None or value == "none" else _converter.structure(value, target)
    )


def _hook_factory(make: Any, shapes: tuple[type, ...], expected: str) -> Any:
    """A factory of hooks that let `make`'s hook take values of these shapes, and refuse others."""

    def factory(kind: Any, converter: Converter) -> Any:
        structure = make(kind, converter)

        def hook(value: Any, _: Any) -> Any:
            if not isinstance(value, shapes):
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


def _of(origin: type) -> Any:
    return lambda kind: _origin(kind) is origin


def _literal(value: Any, kind: Any) -> Any:
    if value not in get_args(kind):
        raise ValueError(f"expected {' or '.join(map(repr, get_args(kind)))}, got {value!r}")
    return value


_converter = Converter(forbid_extra_keys=True)
for _kind in (int, float, bool, str):
    _converter.register_structure_hook(_kind, _strict)
_converter.register_structure_hook_func(lambda kind: _origin(kind) is typing.Literal, _literal)
_converter.register_structure_hook_factory(_is_optional, _optional_hook)
_converter.register_structure_hook_factory(
    _of(tuple), _hook_factory(_structure_tuple, (list, tuple), "a list")
)
_converter.register_structure_hook_factory(
    _of(dict), _hook_factory(mapping_structure_factory, (dict,), "a table of keys and values")
)
_converter.register_structure_hook_factory(
    dataclasses.is_dataclass,
    _hook_factory(
        lambda kind, converter: converter.gen_structure_attrs_fromdict(kind),
        (dict,),
        "a table of keys and values",
    ),
)
_converter.register_structure_hook(Path, lambda value, _: Path(value))
_converter.register_unstructure_hook(Path, str)


def to_plain(value: Any) -> Any:
    """Dataclasses, tuples and paths as dicts, lists and strings that JSON can hold."""
    if isinstance(value, Mapping):
        return {key: to_plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):  # cattrs leaves what is in a bare one as it is
        return [to_plain(inner) for inner in value]
    return _converter.unstructure(value)


def from_plain(plain: Any, kind: type[T], where: str) -> T:
    """The inverse of `to_plain`. `where` names the place for messages: "train".

    Raises:
        ConfigError: a value of the wrong type, an unknown key (with the close matches); or what
            the class itself refuses.
    """
    try:
        return _converter.structure(plain, kind)
    except (TypeError, ValueError) as error:  # a bare value, not a class
        raise ConfigError(f"the config does not fit: {error} at {where}") from error
    except BaseValidationError as group:
        own = next((e for e in _leaves(group) if isinstance(e, PenstockError)), None)
        if own:
            raise own from group
        problems = transform_error(group, path=where, format_exception=_words)
        raise ConfigError(
            "the config does not fit: " + "; ".join(p.replace(" @ ", " at ") for p in problems),
            remedy="`penstock config RECIPE` prints every key with its value",
        ) from group


def check_types(config: Any, where: str) -> None:
    """Hold the values of a dataclass that Python code has made to its fields' types.

    Raises:
        ConfigError: as `from_plain`.
    """
    from_plain(_as_given(config), type(config), where)


def _as_given(value: Any) -> Any:
    """As `to_plain`, but by what each value is, not by its field's type: text stays text."""
    if dataclasses.is_dataclass(value):
        return {f.name: _as_given(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _as_given(inner) for key, inner in value.items()}
    return [_as_given(inner) for inner in value] if isinstance(value, list | tuple) else value


def _leaves(group: BaseException) -> list[BaseException]:
    if isinstance(group, BaseExceptionGroup):
        return [leaf for e in group.exceptions for leaf in _leaves(e)]
    return [group]


def _words(error: BaseException, _: type | None) -> str:
    if isinstance(error, ForbiddenExtraKeysError):
        known = list(getattr(error.cl, "__dataclass_fields__", {}))
        return ", ".join(
            f"no key {name!r} ({suggest_names(name, known)})"
            for name in sorted(map(str, error.extra_fields))
        )
    if isinstance(error, KeyError):
        return f"lacks {error.args[0]!r}"
    return str(error)
