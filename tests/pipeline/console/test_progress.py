from __future__ import annotations

import io

from pipeline.console.progress import show_progress
from pipeline.console.terminal import Console


def test_progress_is_shown_on_a_terminal_only() -> None:
    for is_terminal in (True, False):
        stream = io.StringIO()
        console = Console(file=stream, force_terminal=is_terminal, width=80)
        with show_progress(console, "looking at files") as progress:
            progress(3, 12)
            progress(12, 12)
        shown = stream.getvalue()
        assert ("looking at files" in shown and "12/12" in shown) == is_terminal
        assert is_terminal or shown == ""
