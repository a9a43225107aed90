"""What can go wrong, for every layer, and how it crosses a process boundary.

    PenstockError
    ├── ConfigError         what was asked for makes no sense; nothing ran
    ├── BadDataError        the input data is not what it says it is
    ├── EnvironmentTrouble  the machine, not the work: disk, permission, network; try again
    │   ├── ConnectionLost  what became of a remote job is not known
    │   ├── InputChanged    what a step read is no longer what its plan had looked at
    │   └── RightLost       the run was cancelled, or another attempt has taken its place
    ├── StepError           the work itself cannot go on (a NaN loss, a parity difference)
    └── AlreadyPushed       it is too late to cancel: what serves is the run's

Each error says what happened, what was expected, what came, what follows from it and what to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from data.redaction import redact

_MARK = re.compile(r"\[\[penstock:(\w+) (?={)")


class PenstockError(Exception):
    """An error that a user can act on; secrets are hidden in all that it says.

    Args:
        what: one sentence: what is wrong, with the name of the thing.
        expected: what would have been right.
        got: what came instead.
        follows: what this means for the run; by default nothing was written.
        remedy: what to do about it.
    """

    kind = "error"

    def __init__(
        self,
        what: str,
        *,
        expected: object = None,
        got: object = None,
        follows: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.what = redact(what)
        self.expected = None if expected is None else redact(str(expected))
        self.got = None if got is None else redact(str(got))
        self.follows = follows and redact(follows)
        self.remedy = remedy and redact(remedy)
        super().__init__(self.what)

    @property
    def brief(self) -> str:
        """What is wrong and what came, in one line."""
        return f"{self.what}: {self.got}" if self.got else self.what

    def __str__(self) -> str:
        lines = [self.what]
        for label, text in (
            ("expected", self.expected),
            ("got", self.got),
            ("so", self.follows),
            ("do", self.remedy),
        ):
            if text:
                lines.append(f"  {label + ':':<10}{text}")
        return "\n".join(lines)

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return _rebuild, (type(self).__name__, self._fields())

    def _fields(self) -> dict[str, str | None]:
        return {
            name: getattr(self, name) for name in ("what", "expected", "got", "follows", "remedy")
        }

    def marked(self) -> str:
        """The error as text that survives a runner which keeps only an exception's message.

        `revive` finds it again inside whatever the runner wraps around it.
        """
        return f"[[penstock:{type(self).__name__} {json.dumps(self._fields())}]]"


class ConfigError(PenstockError):
    kind = "bad config"


class BadDataError(PenstockError):
    kind = "bad data"


class EnvironmentTrouble(PenstockError):
    kind = "environment"


class ConnectionLost(EnvironmentTrouble):
    """What became of a remote job is not known; its run is marked so."""

    run_status = "unknown"


class InputChanged(EnvironmentTrouble):
    """What a step read is no longer what its plan had looked at: its result counts for nothing."""


class RightLost(EnvironmentTrouble):
    """The run was cancelled, or another attempt has taken its place: it pushes nothing."""


class StepError(PenstockError):
    kind = "step failed"


class AlreadyPushed(PenstockError):
    """It is too late to cancel the run."""

    kind = "too late"
    run_status = "failed"


_KINDS = {
    c.__name__: c
    for c in (
        PenstockError,
        ConfigError,
        BadDataError,
        EnvironmentTrouble,
        ConnectionLost,
        InputChanged,
        RightLost,
        StepError,
        AlreadyPushed,
    )
}


def _rebuild(name: str, fields: dict[str, str | None]) -> PenstockError:
    what = fields.pop("what") or ""
    return _KINDS[name](what, **fields)


def revive(text: str) -> PenstockError | None:
    """The first `PenstockError.marked` found in `text`, or None."""
    found = _MARK.search(text)
    if not found or found.group(1) not in _KINDS:
        return None
    try:
        fields, _ = json.JSONDecoder().raw_decode(text, found.end())
        return _rebuild(found.group(1), fields)
    except ValueError:
        return None


def in_one_line(error: BaseException) -> str:
    """A foreign error's type and the first line of what it says."""
    first = redact(str(error)).strip().splitlines()[:1]
    return ": ".join([type(error).__name__, *first])


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A remedy that names the close matches, else all that is known."""
    import difflib  # only who has made a mistake pays for it

    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(repr(c) for c in close) + "?"
    return "known: " + ", ".join(known) if known else "none is known"
