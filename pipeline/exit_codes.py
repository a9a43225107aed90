"""The exit codes, fixed for every scheduler.

docs/reference/exit-codes.md says what to do about each.
"""

from __future__ import annotations

from data.errors import AlreadyPushed, BadDataError, ConfigError, EnvironmentTrouble, StepError

DONE = 0  # pushed, or up to date, or all that was asked for
CRASH = 1  # a bug: ours, or in one's own component
BAD_CONFIG = 2  # also what click exits with on wrong usage
VERDICT_FAILED = 3
GATE_NOT_CONFIGURED = 4
BAD_DATA = 5
STEP_FAILED = 6  # the work cannot go on as configured: a NaN loss, a parity difference
SCHEDULE_ALARM = 7  # a schedule needs somebody: a tick failed, it is stale, or it paused itself
TOO_LATE = 8  # to cancel: the run has pushed
ENVIRONMENT = 75  # EX_TEMPFAIL: disk, permission, network; trying again can help
INTERRUPTED = 130  # the next run goes on from the last whole step

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


def of_error(error: BaseException) -> int:
    return next((code for kind, code in _BY_ERROR.items() if isinstance(error, kind)), CRASH)


def of_verdict(status: str | None) -> int:
    return _BY_VERDICT[status]
