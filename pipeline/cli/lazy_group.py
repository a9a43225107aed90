"""Groups of commands whose modules are imported when a command is called, not for `--help`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import click

# heading of the help → command → (its module, one line of help)
Sections = Mapping[str, Mapping[str, tuple[str, str]]]


class _WithExamples(click.Command):
    """A command with -h whose help ends with examples, printed as they are written."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def get_help_option_names(self, ctx: click.Context) -> list[str]:
        return ["-h", "--help"]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples.strip().splitlines():
                    formatter.write(f"  {line.strip()}\n")


class Command(_WithExamples):
    """A command with examples and the option --debug."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(["--debug"], is_flag=True, expose_value=False, help="Show tracebacks.")
        )


class LazyGroup(_WithExamples, click.Group):
    """A group that is one table: its help needs no module of a command.

    Args:
        sections: the commands under the headings of the help.
        hidden: commands that the help does not list, with their modules.
    """

    def __init__(
        self,
        *args: Any,
        sections: Sections,
        hidden: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        listed = {name: entry[0] for part in sections.values() for name, entry in part.items()}
        self.sections = sections
        super().__init__(*args, commands=_Commands({**listed, **(hidden or {})}), **kwargs)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for part in self.sections.values() for name in part]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(len(name) for name in self.list_commands(ctx))
        for heading, commands in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl([(f"{name:<{width}}", h) for name, (_, h) in commands.items()])


class _Commands(MutableMapping[str, click.Command]):
    """Commands by their names; each is imported when it is asked for."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._modules = modules

    def __getitem__(self, name: str) -> click.Command:
        module = vars(importlib.import_module(self._modules[name])).values()
        return next(c for c in module if isinstance(c, click.Command) and c.name == name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __setitem__(self, name: str, command: click.Command) -> None:
        raise TypeError(f"enter {name!r} in the group's table")

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"remove {name!r} from the group's table")
