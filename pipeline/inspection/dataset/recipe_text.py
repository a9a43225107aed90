"""Write the arguments of a call in a recipe, each with a comment that says why."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from data.base.visible_text import escape_controls

Argument = tuple[str, str, Any]  # a comment, or none; the name; the value
_WIDTH = 84  # characters of a comment
_INDENT = " " * 12


class Code(str):
    """A text that stands in the recipe as it is."""


def render_arguments(arguments: Iterable[Argument]) -> str:
    """Write the arguments of a call, each behind its comment."""
    written = []
    for comment, name, value in arguments:
        text = " ".join(escape_controls(comment).split())
        written += [f"# {line}" for line in textwrap.wrap(text, _WIDTH)]
        written += f"{name}={_write_value(value)},".split("\n")
    return "\n".join(_INDENT + line for line in written)


def _write_value(value: Any) -> str:
    if isinstance(value, Code):
        return value
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(f"{_write_value(k)}: {_write_value(v)}" for k, v in value.items()) + "}"
        )
    if isinstance(value, tuple):
        items = [_write_value(item) for item in value]
        if sum(map(len, items)) > _WIDTH / 2:
            return "(\n" + "".join(f"    {item},\n" for item in items) + ")"
        return "(" + ", ".join(items) + (",)" if len(items) == 1 else ")")
    if isinstance(value, str) and '"' not in value and "'" not in value:
        return '"' + repr(value)[1:-1] + '"'
    return repr(value)
