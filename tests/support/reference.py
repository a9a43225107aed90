"""Write docs/reference/commands.md and settings.md from the commands and the config classes.

    make docs

tests/test_docs.py holds the pages equal to what this module writes.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from data.base.field_meanings import field_meanings

HOME = Path(__file__).resolve().parents[2]
FOLDER = HOME / "docs" / "reference"
WIDTH = 80

_COMMANDS = """\
# Commands

Every command with its options, as `penstock COMMAND --help` prints them.
`make docs` writes this page.
`python -m pipeline …` is the same as `penstock …`.
[Exit codes](exit-codes.md) lists what the commands exit with.
"""
_SETTINGS = """\
# Settings

Every setting of the five standard steps, from the config classes of the components.
`make docs` writes this page.

- `penstock config RECIPE` prints the values that a recipe sets.
- `--set STEP.KEY=VALUE` sets one value for a run.
- `--config FILE` takes a TOML file in the form that `penstock config` prints.
- In a recipe or a notebook each table is a dataclass: `Train(epochs=3)`.

`seed`, outside of the tables, is the seed of all random numbers of a run (default 0).
"""


def write_commands() -> str:
    """Return the page of all commands, in the order of `penstock --help`."""
    from pipeline.cli.main import penstock

    parts = [_COMMANDS]
    for path, command in walk_commands(penstock(), "penstock"):
        context = click.Context(
            command, info_name=path, terminal_width=WIDTH, max_content_width=WIDTH
        )
        text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
        parts.append(f"## {path}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def walk_commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield a command and all visible ones below it, each with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None, name
            if inner.hidden:
                continue
            yield from walk_commands(inner, f"{path} {name}")


def write_settings() -> str:
    """Return the page of all settings: a table for each step and each class that a step holds."""
    from pipeline import recipes

    parts = [_SETTINGS]
    steps = [(f"[{step.name}]", type(step.config)) for step in recipes.build("digits").steps]
    written: list[type] = []
    for title, config in steps:
        parts.append(_write_table(f"`{title}`", config))
        for inner in _find_classes(config):
            if inner not in written:
                written.append(inner)
                parts.append(_write_table(f"`{inner.__name__}`, in `{title}`", inner))
    return "\n".join(parts)


def _write_table(title: str, config: Any) -> str:
    rows = [f"## {title}\n", "| key | type | default | meaning |", "|---|---|---|---|"]
    hints = typing.get_type_hints(config)
    meanings = field_meanings(config)
    for field in dataclasses.fields(config):
        cells = (
            f"`{field.name}`",
            f"`{_describe_type(hints[field.name])}`",
            _describe_default(field),
            meanings.get(field.name, ""),
        )
        rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _find_classes(config: Any) -> Iterator[type]:
    """Yield the dataclasses that a config's fields hold, but for those that a plan fills in."""
    for hint in typing.get_type_hints(config).values():
        for part in (hint, *typing.get_args(hint)):
            for inner in (part, *typing.get_args(part)):
                if dataclasses.is_dataclass(inner) and inner.__name__ != "Against":
                    yield typing.cast(type, inner)


def _describe_type(hint: Any) -> str:
    if hint is type(None):
        return "none"
    if typing.get_origin(hint) is typing.Literal:
        return " | ".join(map(repr, typing.get_args(hint)))
    if isinstance(hint, type) and not typing.get_args(hint):
        return hint.__name__
    return re.sub(r"\b(\w+\.)+", "", str(hint)).replace("NoneType", "none").replace("None", "none")


def _describe_default(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return f"`{field.default_factory()!r}`"
    if field.default is dataclasses.MISSING:
        return "required"
    if field.default is None:
        return "none"
    if dataclasses.is_dataclass(field.default) or (
        isinstance(field.default, tuple) and any(map(dataclasses.is_dataclass, field.default))
    ):
        return "see below"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return f"`{field.default!r}`"


PAGES = {"commands.md": write_commands, "settings.md": write_settings}


def main() -> None:
    """Write both pages."""
    for name, write in PAGES.items():
        (FOLDER / name).write_text(write(), encoding="utf-8")
        print(f"docs/reference/{name}")


if __name__ == "__main__":
    sys.exit(main())
