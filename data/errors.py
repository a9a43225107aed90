"""Define the exceptions of all packages, and send them from one process to another as text.

    PenstockError
    ├── ConfigError         a setting or an argument is invalid; nothing ran
    ├── BadDataError        the input data is damaged or not of the stated form
    ├── EnvironmentTrouble  disk, permission or network failed; the same command may work later
    │   ├── ConnectionLost  the state of a remote job is unknown
    │   ├── InputChanged    the input of a step changed after the step was planned
    │   └── PushRightLost   the run was cancelled or replaced by another attempt; it may not push
    ├── StepError           a step cannot go on (a NaN loss, a parity difference)
    └── AlreadyPushed       the run cannot be cancelled: its model serves already

Each error states what is wrong, what was expected, what was found, what follows, and what to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from data.redaction import redact

_MARK = re.compile(r"\[\[penstock:(\w+) (?={)")


class PenstockError(Exception):
    """An error that a user can act on. Secrets are removed from all of its texts.

    Args:
        what: one sentence: what is wrong, with the name of the thing.
        expected: what would have been accepted.
        got: what was found instead.
        follows: the consequence for the run.
        remedy: what the user should do.
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
        self.what = _clean(what)
        self.expected = None if expected is None else _clean(str(expected))
        self.got = None if got is None else _clean(str(got))
        self.follows = follows and _clean(follows)
        self.remedy = remedy and _clean(remedy)
        super().__init__(self.what)

    @property
    def brief(self) -> str:
        """Return what is wrong and what was found, in one line."""
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


def _clean(text: str) -> str:
    """Remove secrets, and write out the bytes of file names that are no UTF-8."""
    return redact(text).encode(errors="backslashreplace").decode()


class ConfigError(PenstockError):
    kind = "bad config"


class BadDataError(PenstockError):
    kind = "bad data"


class EnvironmentTrouble(PenstockError):
    kind = "environment"


class ConnectionLost(EnvironmentTrouble):
    """The state of a remote job is unknown; its run gets the status `unknown`."""

    run_status = "unknown"


class InputChanged(EnvironmentTrouble):
    """The input of a step changed after the step was planned: its result is discarded."""


class PushRightLost(EnvironmentTrouble):
    """The run was cancelled, or another attempt replaced it: it may not push."""


class StepError(PenstockError):
    kind = "step failed"


class AlreadyPushed(PenstockError):
    """The run cannot be cancelled: its model serves already."""

    kind = "too late"
    run_status = "failed"


_CLASSES = {
    c.__name__: c
    for c in (
        PenstockError,
        ConfigError,
        BadDataError,
        EnvironmentTrouble,
        ConnectionLost,
        InputChanged,
        PushRightLost,
        StepError,
        AlreadyPushed,
    )
}


def _rebuild(name: str, fields: dict[str, str | None]) -> PenstockError:
    what = fields.pop("what") or ""
    return _CLASSES[name](what, **fields)


def serialize_error(error: PenstockError) -> str:
    """Write an error as text that survives a runner which keeps only an exception's message.

    `deserialize_error` reads it, whatever text the runner adds around it.
    """
    return f"[[penstock:{type(error).__name__} {json.dumps(error._fields())}]]"


def deserialize_error(text: str) -> PenstockError | None:
    """Return the first error that `serialize_error` wrote into a text; None if there is none."""
    match = _MARK.search(text)
    if not match or match.group(1) not in _CLASSES:
        return None
    try:
        fields, _ = json.JSONDecoder().raw_decode(text, match.end())
        return _rebuild(match.group(1), fields)
    except ValueError:
        return None


def summarize_error(error: BaseException) -> str:
    """Return the type of any exception and the first line of its message."""
    first_line = redact(str(error)).strip().splitlines()[:1]
    return ": ".join([type(error).__name__, *first_line])


def unreadable_file_error(path: object, error: OSError) -> EnvironmentTrouble:
    """Return the error for an existing file that cannot be read."""
    return EnvironmentTrouble(
        f"cannot read {path}",
        got=error.strerror,
        remedy="fix its permissions or the disk, then run the same command again",
    )


def suggest_names(name: str, valid_names: Iterable[str]) -> str:
    """Return a remedy for a misspelt name: the close matches, otherwise all valid names."""
    import difflib  # imported only after a mistake

    valid_names = sorted(valid_names)
    matches = difflib.get_close_matches(name, valid_names, n=3, cutoff=0.5)
    if matches:
        return "did you mean " + " or ".join(repr(match) for match in matches) + "?"
    return "valid names: " + ", ".join(valid_names) if valid_names else "there are no valid names"
