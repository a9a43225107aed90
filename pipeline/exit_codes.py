"""The exit codes, fixed for every scheduler.

docs/reference/exit-codes.md says what to do about each.
"""

from __future__ import annotations

from data.errors import AlreadyPushed, BadDataError, ConfigError, EnvironmentTrouble, StepError

DONE = 0  # pushed, up to date, or done as requested
CRASH = 1  # a bug in Penstock, or in a component of the user's own
BAD_CONFIG = 2  # also what click exits with on wrong usage
VERDICT_FAILED = 3
GATE_NOT_CONFIGURED = 4
BAD_DATA = 5
STEP_FAILED = 6  # a step cannot go on as configured: a NaN loss, a parity difference
SCHEDULE_ALARM = 7  # a schedule needs attention: it failed, is stale or has paused itself
TOO_LATE = 8  # the run cannot be cancelled: it has pushed
ENVIRONMENT = 75  # EX_TEMPFAIL: disk, permission or network; another attempt can help
INTERRUPTED = 130  # the next run continues after the last completed step

_BY_ERROR = {
    ConfigError: BAD_CONFIG,
    BadDataError: BAD_DATA,
    StepError: STEP_FAILED,
    EnvironmentTrouble: ENVIRONMENT,
    AlreadyPushed: TOO_LATE,
    KeyboardInterrupt: INTERRUPTED,
}
_BY_VERDICT = {
    None: DONE,
    "passed": DONE,
    "failed": VERDICT_FAILED,
    "not configured": GATE_NOT_CONFIGURED,
}


def map_error(error: BaseException) -> int:
    """Map an error to the exit code of a run that it ended."""
    return next((code for kind, code in _BY_ERROR.items() if isinstance(error, kind)), CRASH)


def map_verdict(status: str | None) -> int:
    """Map a verdict to the exit code of a run whose steps are all done."""
    return _BY_VERDICT[status]
