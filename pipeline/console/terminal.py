"""The console that everything is printed on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import rich.console
from rich.segment import Segment

from data.base.visible_text import escape_controls


class Console(rich.console.Console):
    """Rich's, on which a text can change neither the terminal nor the order of what is read."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, **options)

    def render(self, *args: Any, **options: Any) -> Iterable[Segment]:
        """As Rich's, with the texts made visible; what Rich itself sends the terminal stays."""
        for segment in super().render(*args, **options):
            yield (
                segment if segment.control else segment._replace(text=escape_controls(segment.text))
            )
