from __future__ import annotations

import io

import pytest
from rich.progress import Progress
from rich.table import Table

from data.errors import BadDataError
from pipeline.console.error_message import explain
from pipeline.console.terminal import Console

EVIL = "\x1b[2J\u202elapis"
SHOWN = r"\x1b[2J\u202elapis"


def printed(*what: object, terminal: bool = False) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=80)
    for one in what:
        console.print(one)
    return file.getvalue()


def test_texts_tables_and_styles_show_what_a_name_holds() -> None:
    table = Table("class", f"of {EVIL}")
    table.add_row(EVIL, "[bold]7[/]")
    for terminal in (False, True):
        text = printed(EVIL, f"[bold]{EVIL}[/]", table, terminal=terminal)
        assert text.count(SHOWN) == 2
        assert text.count(SHOWN[:8]) == 4  # Rich counts ESC as no column, and cuts a cell short
        assert "\x1b[2J" not in text
        assert "\u202e" not in text
        assert ("\x1b[1m" in text) == terminal  # what Rich itself sends


def test_a_live_view_still_moves_the_cursor() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80)
    with Progress(console=console) as progress:
        progress.add_task(EVIL, total=2)
    assert SHOWN[:8] in file.getvalue()
    assert "\x1b[2J" not in file.getvalue()
    assert "\x1b[?25l" in file.getvalue()  # the cursor is hidden


def test_an_error_and_its_notes_are_shown_alike(capsys: pytest.CaptureFixture[str]) -> None:
    error = BadDataError(f"no class {EVIL}", got=EVIL)
    error.add_note(EVIL)
    explain(error, debug=False)
    said = capsys.readouterr().err
    assert said.count(SHOWN) == 3
    assert "\x1b" not in said
    assert len(said.splitlines()) == 3
