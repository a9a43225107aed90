"""What fields of a dataclass mean is read from its source."""

from __future__ import annotations

import pydoc
from dataclasses import dataclass, make_dataclass

from data.base.field_meanings import field_meanings, show_meanings


@show_meanings
@dataclass(frozen=True, kw_only=True)
class Base:
    """Settings of a toy."""

    size: int = 3
    """Pixels of one side,
    from 1."""
    # a comment is no meaning
    plain: int = 4
    also = "no field"
    """Of no field."""


class Inner:
    @dataclass(frozen=True, kw_only=True)
    class Sub(Base):
        size: int = 5
        """Another meaning."""
        own: str | None = None
        "Of its own."


def test_a_string_below_a_field_is_its_meaning_and_a_subclass_has_those_of_its_bases():
    assert field_meanings(Base) == {"size": "Pixels of one side, from 1."}
    assert field_meanings(Inner.Sub) == {"size": "Another meaning.", "own": "Of its own."}


def test_a_class_without_source_has_no_meanings():
    assert field_meanings(make_dataclass("Made", ["x"])) == {}
    assert field_meanings(int) == {}


def test_help_lists_the_meanings():
    text = pydoc.plain(pydoc.render_doc(Base))
    assert "Settings of a toy." in text
    assert "size: Pixels of one side, from 1." in text


def test_help_on_a_class_without_meanings_or_docstring_is_its_signature():
    @show_meanings
    @dataclass
    class Bare:
        size: int

    assert Bare.__doc__ == "Bare(size: 'int')"
