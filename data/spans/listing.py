"""The spans that lie under a pattern: which version of each counts, and whether it is all there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from data.spans.patterns import Match, matches, order

FILE_MARKER = ".done"  # behind the name of a span that is a file, where markers are asked for


@dataclass(frozen=True, kw_only=True)
class Ready:
    """How to tell that a span is no longer being copied; without either, it is taken as it lies.

    `now` is in seconds since the epoch.
    """

    done_marker: str | None = None  # a file of this name in the span's folder; FILE.done for a file
    quiet_minutes: float | None = None  # no file of it was changed for so long
    now: float


@dataclass(frozen=True, kw_only=True)
class Span:
    """One version of a span as it lies on disk."""

    name: str
    version: int | None  # None: the pattern has no {VERSION}
    path: Path
    stamp: str  # changes when a file of it does, by name, size or time
    arriving: str | None  # why it is not taken yet; None: it is all there


def list_spans(pattern: str, ready: Ready) -> list[Span]:
    """The spans of a pattern, the oldest first: of each the newest version that is all there.

    A span none of whose versions is all there shows its newest.

    Raises:
        ConfigError, BadDataError, EnvironmentTrouble: as `data.spans.patterns.matches`.
    """
    found = sorted(matches(pattern), key=lambda m: (order(m.span), m.version or 0))
    return [_newest(list(of_span), ready) for _, of_span in groupby(found, lambda m: m.span)]


def _newest(versions: Sequence[Match], ready: Ready) -> Span:
    newest = _span(versions[-1], ready)
    if newest.arriving:
        for older in reversed(versions[:-1]):
            span = _span(older, ready)
            if not span.arriving:
                return span
    return newest


def _span(match: Match, ready: Ready) -> Span:
    try:
        files, trouble = sorted(_files(match.path)), None
    except OSError as error:
        files, trouble = [], f"cannot be looked at: {error.strerror}"
    return Span(
        name=match.span,
        version=match.version,
        path=match.path,
        stamp=_stamp(files, ready.done_marker),
        arriving=trouble or _arriving(match.path, files, ready),
    )


def _arriving(path: Path, files: Sequence[tuple[str, int, int]], ready: Ready) -> str | None:
    if not files:
        return "no file in it yet"
    if ready.done_marker is not None:
        is_file = path.is_file()
        marker = path.with_name(path.name + FILE_MARKER) if is_file else path / ready.done_marker
        if not marker.exists():
            return f"no {marker.name} yet"
    if ready.quiet_minutes is not None:
        newest = max(changed for _, _, changed in files) / 1e9
        if ready.now - newest < ready.quiet_minutes * 60:
            return f"changed less than {ready.quiet_minutes:g} minutes ago"
    return None


def _files(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name, size in bytes and time of the last change in ns of each file, hidden ones included."""
    if path.is_file():
        yield from _seen(path, path.name)
        return
    for folder, _, names in os.walk(path, onerror=_raise):
        for name in names:
            file = Path(folder, name)
            yield from _seen(file, file.relative_to(path).as_posix())


def _raise(error: OSError) -> None:
    raise error


def _seen(file: Path, name: str) -> Iterator[tuple[str, int, int]]:
    try:
        stat = file.stat()
    except FileNotFoundError:  # moved while one looked
        return
    yield name, stat.st_size, stat.st_mtime_ns


def _stamp(files: Sequence[tuple[str, int, int]], marker: str | None) -> str:
    """A digest of all but the marker and what is hidden."""
    digest = hashlib.sha256()
    for name, size, changed in files:
        if name != marker and not any(part.startswith(".") for part in name.split("/")):
            digest.update(f"{name}\0{size}\0{changed}\n".encode())
    return digest.hexdigest()[:32]
