"""The spans of a window in words, as verdicts and reports name their data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data.durable import read_json
from data.examples import DESCRIPTION, Examples


def spans_of(examples: Examples) -> dict[str, Any] | None:
    """Pattern, spans, what was left out and why, of examples that are a window's; else None.

    Raises:
        BadDataError: the examples' description cannot be read.
    """
    if not (examples.path / DESCRIPTION).is_file():
        return None
    source = read_json(examples.path / DESCRIPTION).get("source")
    if not isinstance(source, dict) or not {"pattern", "spans", "left_out"} <= source.keys():
        return None
    return {name: source[name] for name in ("pattern", "spans", "left_out", "test")}


def spans_in_words(spans: Mapping[str, Any]) -> tuple[str, str]:
    """The spans' names with their versions, and what was left out, or "".

    Args:
        spans: as `spans_of` has them.
    """
    taken = ", ".join(map(_name, spans["spans"]))
    out = "; ".join(f"{_name(one)} ({one['state']}, {one['why']})" for one in spans["left_out"])
    return f"spans {taken}", f"left out: {out}" if out else ""


def _name(span: Mapping[str, Any]) -> str:
    return span["span"] if span["version"] is None else f"{span['span']} v{span['version']}"
