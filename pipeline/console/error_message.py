"""How a command that failed says so: one message on stderr, and its exit code."""

from __future__ import annotations

import sys

from data.base.visible_text import visible
from data.errors import PenstockError, in_one_line
from pipeline import exit_codes

WHERE_NEXT = "the next run goes on from the last whole step, a training from its last checkpoint"


def explain(error: BaseException, *, debug: bool) -> int:
    """Print what went wrong. Returns the exit code."""
    code = exit_codes.of_error(error)
    if debug:
        import traceback

        print(visible("".join(traceback.format_exception(error))), file=sys.stderr, end="")
    if isinstance(error, PenstockError):
        message = f"{error.kind}: {error}"
    elif code == exit_codes.INTERRUPTED:
        message = f"interrupted: {WHERE_NEXT}"
    else:
        message = (
            f"crash: {in_one_line(error)}\n"
            f"  {'do:':<10}run again with --debug; the traceback of a run lies in its folder"
        )
    notes = [f"  {note}" for note in getattr(error, "__notes__", ())]
    print(visible("\n".join([f"penstock: {message}", *notes])), file=sys.stderr)
    return code
