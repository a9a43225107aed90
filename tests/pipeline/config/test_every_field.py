"""Every field of every config, and of what is in it, takes what its type says, and nothing else."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator
from typing import Any

import pytest

from data.errors import ConfigError
from pipeline import recipes
from pipeline.config.convert import from_plain, to_plain

VALUES: list[Any] = [
    *(True, 3, 3.5, "word", "none", "", [], {}, None),
    *(["a", "b"], ["a", 3], [1, 2], [1, 2, 3], [[]], [{}]),
    *({"a": 1}, {"a": 0.5}, {"a": "b"}, {1: 0.5}),
]


def fields() -> Iterator[tuple[type, str, Any]]:
    """(class, field, type) of all configs of the standard graph."""
    classes = [type(step.config) for step in recipes.build("digits").steps]
    while classes:
        kind = classes.pop()
        for name, hint in typing.get_type_hints(kind).items():
            yield kind, name, hint
            classes += [k for k in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(k)]


def fits(value: Any, hint: Any) -> bool:
    """What a person would say; of a dataclass, that a table is needed."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return value in (None, "none") or any(fits(value, a) for a in args)
    if origin is typing.Literal:
        return value in args
    if origin is tuple:
        kinds = [args[0]] * len(value) if args[-1] is ... and isinstance(value, list) else args
        return isinstance(value, list) and len(value) == len(kinds) and all(map(fits, value, kinds))
    if origin is dict:
        return isinstance(value, dict) and all(
            fits(k, args[0]) and fits(v, args[1]) for k, v in value.items()
        )
    if hint is Any:
        return True
    if dataclasses.is_dataclass(hint):
        return isinstance(value, dict) and value.keys() <= typing.get_type_hints(hint).keys()
    return type(value) is hint or (hint is float and type(value) is int)


FIELDS = list(fields())


def test_the_fields_of_all_components_and_of_their_rules_are_here() -> None:
    assert {kind.__module__.split(".")[1] for kind, _, _ in FIELDS} >= {"ingest", "train", "export"}
    assert {"at_least", "margin", "unpredicted_classes", "class_weights"} <= {f[1] for f in FIELDS}


@pytest.mark.parametrize(
    ("kind", "name", "hint"), FIELDS, ids=lambda part: getattr(part, "__name__", str(part))
)
def test_a_value_is_taken_as_it_is_or_refused_in_words(kind: type, name: str, hint: Any) -> None:
    for value in VALUES:
        config, words = outcome(kind, name, value)
        if config is None:  # what fits may be refused by the class, in its own words
            assert fits(value, hint) or "expected" in words or "unknown key" in words, (
                value,
                words,
            )
            for raw in ("iterable", "object is", "unhashable", "argument", "positional"):
                assert raw not in words, (value, words)
            continue
        assert fits(value, hint), (value, config)
        field = getattr(config, name)
        if not dataclasses.is_dataclass(field):
            expected = None if value == "none" and fits(None, hint) else value
            assert to_plain(field) in (expected, tuple_of(expected))


def outcome(kind: type, name: str, value: Any) -> tuple[Any, str]:
    """The config with this value, or None and what is said of it."""
    try:
        return from_plain({**needed(kind), name: value}, kind, "step"), ""
    except ConfigError as error:
        return None, str(error)


def tuple_of(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def needed(kind: type) -> dict[str, Any]:
    """Values for the fields of a class that have no default."""
    examples = {"metric": "accuracy", "at_least": 0.5, "margin": 0.5, "worse_by_at_most": 0.5}
    return {
        f.name: examples.get(f.name, "word")
        for f in dataclasses.fields(kind)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    } | ({"at_least": 0.5} if kind.__name__ == "Threshold" else {})
