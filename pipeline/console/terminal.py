"""Provide the console that the commands print on."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import rich.console
from rich.segment import Segment

from data.base.visible_text import escape_controls
from pipeline.console.streams import replace_marks

_UNLIMITED = 100_000  # columns: lines in a pipe or a file are neither cut nor wrapped


RichConsole = rich.console.Console


class Console(RichConsole):
    """Rich's console; a printed text can change neither the terminal nor the reading order."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, **options)
        if not (self.is_terminal or "width" in options or "COLUMNS" in os.environ):
            self.width = _UNLIMITED

    def render(self, *args: Any, **options: Any) -> Iterable[Segment]:
        """Render as Rich does, and escape what would act on a terminal in the texts."""
        for segment in super().render(*args, **options):
            if segment.control:
                yield segment
            else:
                text = replace_marks(escape_controls(segment.text), self.encoding)
                yield segment._replace(text=text)
