"""Read what the fields of a dataclass mean: each says it in a string below itself.

Sphinx and editors read the same strings.

    @show_meanings
    @dataclass(frozen=True, kw_only=True)
    class Config:
        epochs: int = 10
        \"\"\"Passes over the train split.\"\"\"
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import textwrap
from typing import TypeVar

T = TypeVar("T")


def field_meanings(kind: type) -> dict[str, str]:
    """Read the meanings of a class's fields, inherited ones included; nothing is imported.

    Returns:
        Field → its meaning in one paragraph. A field without a meaning is left out, as are all of a
        class whose source cannot be read, such as one typed at a prompt.
    """
    meanings: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        meanings |= _own_meanings(base)
    return meanings


def show_meanings(kind: type[T]) -> type[T]:
    """Decorate a dataclass so that `help()` lists the meanings of its fields."""
    kind.__doc__ = _Docstring(kind.__doc__)  # type: ignore[assignment]
    return kind


class _Docstring:
    """A class's docstring, which the source is read for when somebody asks for it."""

    def __init__(self, own: str | None) -> None:
        self._own = own

    def __get__(self, instance: object, owner: type) -> str:
        parts = [inspect.cleandoc(self._own or owner.__name__)]
        meanings = field_meanings(owner)
        if meanings:
            parts.append("Attributes:")
        for name, meaning in meanings.items():
            parts.append(
                textwrap.fill(
                    f"{name}: {meaning}", 100, initial_indent=" " * 4, subsequent_indent=" " * 8
                )
            )
        return "\n".join([*parts[:1], *([""] if meanings else []), *parts[1:]])


@functools.cache
def _own_meanings(kind: type) -> dict[str, str]:
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return {}
    if not isinstance(definition, ast.ClassDef):
        return {}
    meanings = {}
    for field, below in itertools.pairwise(definition.body):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                meanings[name] = " ".join(text.split())
    return meanings
