"""Print the error that ended a command, as one message on stderr, and choose the exit code."""

from __future__ import annotations

import sys

from data.base.visible_text import visible
from data.errors import PenstockError, in_one_line
from pipeline import exit_codes

CONTINUES = "the next run continues after the last completed step, a training from its checkpoint"


def explain(error: BaseException, *, debug: bool) -> int:
    """Print what went wrong, and the line of the user's own code where it happened.

    The traceback of a crash is printed if no run folder holds it. Returns the exit code.
    """
    from data.code.own_code import TRACEBACK_NOTE, own_place  # only after an error

    code, notes = exit_codes.of_error(error), list(getattr(error, "__notes__", ()))
    kept = any(note.startswith(TRACEBACK_NOTE) for note in notes)
    if debug or (code == exit_codes.CRASH and error.__traceback__ and not kept):
        import traceback

        print(visible("".join(traceback.format_exception(error))), file=sys.stderr, end="")
    if code == exit_codes.INTERRUPTED:
        message = f"interrupted: {CONTINUES}"
    else:
        message = f"{error.kind}: {error}" if isinstance(error, PenstockError) else _crash(error)
        if place := own_place(error):
            message += f"\n  {'at:':<10}{place}"
    lines = [f"penstock: {message}", *(f"  {note}" for note in notes)]
    print(visible("\n".join(lines)), file=sys.stderr)
    return code


def _crash(error: BaseException) -> str:
    """Summarize an unexpected error in a line; a runner reports a worker's by its traceback."""
    from components.beam.runner_errors import first_cause

    text = str(error)
    return "crash: " + (first_cause(text) if "Traceback (most" in text else in_one_line(error))
