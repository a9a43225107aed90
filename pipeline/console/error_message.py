"""Print the error that ended a command, as one message on stderr, and choose the exit code."""

from __future__ import annotations

import sys

from data.base.visible_text import escape_controls
from data.errors import PenstockError, summarize_error
from pipeline import exit_codes

CONTINUES = "the next run continues after the last completed step, a training from its checkpoint"


def explain(error: BaseException, *, debug: bool) -> int:
    """Print what went wrong, and the line of the user's own code where it happened.

    The traceback of a crash is printed if no run folder holds it. Returns the exit code.
    """
    from data.code.user_code import TRACEBACK_NOTE, find_user_line  # only after an error

    code, notes = exit_codes.map_error(error), list(getattr(error, "__notes__", ()))
    kept = any(note.startswith(TRACEBACK_NOTE) for note in notes)
    if debug or (code == exit_codes.CRASH and error.__traceback__ and not kept):
        import traceback

        print(escape_controls("".join(traceback.format_exception(error))), file=sys.stderr, end="")
    if code == exit_codes.INTERRUPTED:
        message = f"interrupted: {CONTINUES}"
    else:
        message = f"{error.kind}: {error}" if isinstance(error, PenstockError) else _crash(error)
        if place := find_user_line(error):
            message += f"\n  {'at:':<10}{place}"
    lines = [f"penstock: {message}", *(f"  {note}" for note in notes)]
    print(escape_controls("\n".join(lines)), file=sys.stderr)
    return code


def _crash(error: BaseException) -> str:
    """Summarize an unexpected error in a line; a runner reports a worker's by its traceback."""
    from components.beam.runner_errors import find_first_cause

    text = str(error)
    return "crash: " + (
        find_first_cause(text) if "Traceback (most" in text else summarize_error(error)
    )
