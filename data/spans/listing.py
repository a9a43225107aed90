"""The spans that lie under a pattern: which version of each counts, and whether it is all there.

A pattern is listed by names alone; the files of a span are looked at when somebody asks for it.
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

FILE_MARKER = ".done"  # behind the name of a span that is a file, where markers are asked for


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """How to tell that a span is no longer being copied; without either, it is taken as it lies.

    `now` is in seconds since the epoch, and `first_seen(path, digest)` when somebody first saw the
    files that lie there now.
    """

    done_marker: str | None = None  # a file of this name in the span's folder; FILE.done for a file
    quiet_minutes: float | None = None  # no file of it was changed for so long
    now: float
    first_seen: Callable[[Path, str], float] = lambda *_: math.inf


@dataclass(frozen=True, kw_only=True)
class Span:
    """One version of a span as it lies on disk."""

    name: str
    version: int | None  # None: the pattern has no {VERSION}
    path: Path
    stamp: str  # changes when a file of it does, by name, size or time
    incomplete: str | None  # why it is not used yet; None: all of its files are there


class Listing:
    """The spans of a pattern by their names, the oldest first.

    Args:
        pattern: with {SPAN}, or a day.

    Raises:
        ConfigError, BadDataError, EnvironmentTrouble: as `data.spans.patterns.find_matches`.
    """

    def __init__(self, pattern: str) -> None:
        found, self.temporary = find_matches(pattern)  # paths that were left out for their names
        found.sort(key=lambda match: (span_sort_key(match.span), match.version or 0))
        self._versions = {
            name: list(versions) for name, versions in groupby(found, lambda match: match.span)
        }
        self.names = list(self._versions)

    def inspect(self, name: str, ready: Readiness) -> Span:
        """The newest version of a span that is all there; the newest where none is."""
        return _newest(self._versions[name], ready)


def list_spans(pattern: str, ready: Readiness) -> list[Span]:
    """All spans of a pattern, the oldest first, each looked at. Raises as `Listing`."""
    listing = Listing(pattern)
    return [listing.inspect(name, ready) for name in listing.names]


def _newest(versions: Sequence[Match], ready: Readiness) -> Span:
    newest = _span(versions[-1], ready)
    if newest.incomplete:
        for older in reversed(versions[:-1]):
            span = _span(older, ready)
            if not span.incomplete:
                return span
    return newest


def _span(match: Match, ready: Readiness) -> Span:
    try:
        files, problem = list(walk(match.path)), None
    except OSError as error:
        files, problem = [], f"cannot be looked at: {error.strerror}"
    except BadDataError as error:  # a link that leads nowhere, perhaps not yet
        files, problem = [], error.what
    shown = [file for file in files if not file.is_hidden and file.name != ready.done_marker]
    return Span(
        name=match.span,
        version=match.version,
        path=match.path,
        stamp=_digest(shown),
        incomplete=problem or _find_missing_part(match.path, files, ready),
    )


def _find_missing_part(path: Path, files: Sequence[File], ready: Readiness) -> str | None:
    if not files:
        return "no file in it yet"
    if ready.done_marker is not None and (missing := _missing(path, files, ready.done_marker)):
        return f"no {missing} yet"
    if ready.quiet_minutes is not None:
        return _still_changing(path, files, ready, ready.quiet_minutes)
    return None


def _missing(path: Path, files: Sequence[File], marker: str) -> str | None:
    """The name of the marker that does not lie there yet."""
    if files[0].path == str(path):  # the span is a file
        name = path.name + FILE_MARKER
        return None if path.with_name(name).exists() else name
    return None if any(file.name == marker for file in files) else marker


def _still_changing(
    path: Path, files: Sequence[File], ready: Readiness, minutes: float
) -> str | None:
    """Why it does not count as quiet, by the later of mtime, which copies keep, and ctime.

    A time of modification that lies ahead was set by somebody. Where a ctime lies ahead, so does
    the clock of the file system, and nothing can be counted by it: then the files have to lie as
    they are for so long by this machine's own.
    """
    since, words = ready.now - minutes * 60, f"changed less than {minutes:g} minutes ago"
    times = [time for file in files for time in (file.stat.st_mtime, file.stat.st_ctime)]
    if max((time for time in times if time <= ready.now), default=since) > since:
        return words
    is_ahead = any(file.stat.st_ctime > ready.now for file in files)
    if is_ahead and ready.first_seen(path, _digest(files)) > since:
        return f"{words}, or its file system's clock is ahead: looked at again after that time"
    return None


def _digest(files: Sequence[File]) -> str:
    """Changes when a file does, by name, size or one of its times."""
    digest = hashlib.sha256()
    for name, size, modified, changed in sorted(
        (file.name, file.stat.st_size, file.stat.st_mtime_ns, file.stat.st_ctime_ns)
        for file in files
    ):
        digest.update(f"{name}\0{size}\0{modified}\0{changed}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:32]
