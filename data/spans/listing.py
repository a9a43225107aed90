"""List the spans of a pattern: the version to use of each, and whether its files are complete.

Listing reads names alone; the files of a span are checked on request.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from data.errors import BadDataError
from data.files.file_tree import File, walk
from data.spans.patterns import Match, find_matches, span_sort_key

FILE_MARKER = ".done"  # added to the name of a span that is a file, where markers are required


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """When a span counts as complete. Without a marker or quiet time, it always does.

    `now` is in seconds since the epoch, and `first_seen(path, digest)` returns when the current
    state of the files was first seen.
    """

    done_marker: str | None = None  # name of a file in the span's folder; FILE.done for a file
    quiet_minutes: float | None = None  # no file changed for so long
    now: float
    first_seen: Callable[[Path, str], float] = lambda *_: math.inf


@dataclass(frozen=True, kw_only=True)
class Span:
    """One version of a span on disk."""

    name: str
    version: int | None  # None: the pattern has no {VERSION}
    path: Path
    stamp: str  # changes when one of its files does, by name, size or time
    incomplete: str | None  # why it is not used yet; None: all of its files are there


class Listing:
    """The names of a pattern's spans, the oldest first.

    Args:
        pattern: a path with {SPAN}, or {YYYY}, {MM} and {DD}.

    Raises:
        ConfigError, BadDataError, EnvironmentTrouble: as `data.spans.patterns.find_matches`.
    """

    def __init__(self, pattern: str) -> None:
        matches, self.temporary = find_matches(pattern)  # temporary: paths that were left out
        matches.sort(key=lambda match: (span_sort_key(match.span), match.version or 0))
        self._versions = {
            name: list(versions) for name, versions in groupby(matches, lambda match: match.span)
        }
        self.names = list(self._versions)

    def inspect(self, name: str, ready: Readiness) -> Span:
        """Return the newest complete version of a span; the newest where none is complete."""
        return _choose_version(self._versions[name], ready)


def _choose_version(versions: Sequence[Match], ready: Readiness) -> Span:
    newest = _inspect_version(versions[-1], ready)
    if newest.incomplete:
        for older in reversed(versions[:-1]):
            span = _inspect_version(older, ready)
            if not span.incomplete:
                return span
    return newest


def _inspect_version(match: Match, ready: Readiness) -> Span:
    try:
        files, problem = list(walk(match.path)), None
    except OSError as error:
        files, problem = [], f"cannot be read: {error.strerror}"
    except BadDataError as error:  # a broken link, whose target may still come
        files, problem = [], error.what
    visible = [file for file in files if not file.is_hidden and file.name != ready.done_marker]
    return Span(
        name=match.span,
        version=match.version,
        path=match.path,
        stamp=_digest(visible),
        incomplete=problem or _explain_incomplete(match.path, files, ready),
    )


def _explain_incomplete(path: Path, files: Sequence[File], ready: Readiness) -> str | None:
    if not files:
        return "no file in it yet"
    marker = ready.done_marker
    if marker is not None and (missing := _find_missing_marker(path, files, marker)):
        return f"no {missing} yet"
    if ready.quiet_minutes is not None:
        return _explain_changing(path, files, ready, ready.quiet_minutes)
    return None


def _find_missing_marker(path: Path, files: Sequence[File], marker: str) -> str | None:
    """Return the name of the marker if it does not exist yet."""
    if files[0].path == str(path):  # the span is a file
        name = path.name + FILE_MARKER
        return None if path.with_name(name).exists() else name
    return None if any(file.name == marker for file in files) else marker


def _explain_changing(
    path: Path, files: Sequence[File], ready: Readiness, minutes: float
) -> str | None:
    """Return why a span does not count as quiet; None if it does.

    The later of mtime and ctime counts, because copies keep the mtime. A future mtime was set by a
    program and is ignored. A future ctime means that the clock of the file system is ahead: then
    the files must be unchanged for so long by this machine's clock.
    """
    since, reason = ready.now - minutes * 60, f"changed less than {minutes:g} minutes ago"
    times = [time for file in files for time in (file.stat.st_mtime, file.stat.st_ctime)]
    if max((time for time in times if time <= ready.now), default=since) > since:
        return reason
    is_ahead = any(file.stat.st_ctime > ready.now for file in files)
    if is_ahead and ready.first_seen(path, _digest(files)) > since:
        return f"{reason}, or its file system's clock is ahead; checked again after that time"
    return None


def _digest(files: Sequence[File]) -> str:
    """Digest names, sizes and times of files."""
    digest = hashlib.sha256()
    for name, size, modified, changed in sorted(
        (file.name, file.stat.st_size, file.stat.st_mtime_ns, file.stat.st_ctime_ns)
        for file in files
    ):
        digest.update(f"{name}\0{size}\0{modified}\0{changed}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:32]
