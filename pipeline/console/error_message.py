"""How a command that failed says so: one message on stderr, and its exit code."""

from __future__ import annotations

import sys

from data.base.visible_text import visible
from data.errors import PenstockError, in_one_line
from pipeline import exit_codes

WHERE_NEXT = "the next run goes on from the last whole step, a training from its last checkpoint"


def explain(error: BaseException, *, debug: bool) -> int:
    """Print what went wrong, and the line of the user's own code that it came through.

    The traceback of a crash is printed where no run's folder has it. Returns the exit code.
    """
    from data.code.own_code import TRACEBACK_NOTE, own_place  # for who has failed alone

    code, notes = exit_codes.map_error(error), list(getattr(error, "__notes__", ()))
    kept = any(note.startswith(TRACEBACK_NOTE) for note in notes)
    if debug or (code == exit_codes.CRASH and error.__traceback__ and not kept):
        import traceback

        print(visible("".join(traceback.format_exception(error))), file=sys.stderr, end="")
    if code == exit_codes.INTERRUPTED:
        message = f"interrupted: {WHERE_NEXT}"
    else:
        message = f"{error.kind}: {error}" if isinstance(error, PenstockError) else _crash(error)
        if place := own_place(error):
            message += f"\n  {'at:':<10}{place}"
    lines = [f"penstock: {message}", *(f"  {note}" for note in notes)]
    print(visible("\n".join(lines)), file=sys.stderr)
    return code


def _crash(error: BaseException) -> str:
    """In a line; a runner tells of an error in a worker by its whole traceback."""
    from components.beam.runner_errors import first_cause

    text = str(error)
    return "crash: " + (first_cause(text) if "Traceback (most" in text else in_one_line(error))
