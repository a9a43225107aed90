"""The best version ever pushed: what no chain of small permitted losses leads far away from.

Each push record says which version was the best when it was pushed, itself included, so the record
of the version that serves is all that is asked. A rollback brings back an old record with what it
says: what was rolled back from counts no longer. A push that overrules the comparison with the best
begins anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data.base.wilson import wilson_bounds
from data.errors import BadDataError
from serving_export.bundle.manifest import PUSH_RECORD, find_push_record, read_push_record
from serving_export.model_store.layout import version_folders

BEST_SO_FAR = "best_so_far"  # in `push.json`: version, digest, accuracy and examples of the best
NONE = "none"
UNKNOWN = "unknown:"  # followed by the version whose record cannot be read
_Z = 1.96  # of the interval that an accuracy is judged by: 97.5 % sure of its lower end


def read_best_digest(folder: Path) -> str:
    """The best version's digest; `NONE` before the first push; `unknown:N` with no record of N.

    Args:
        folder: of the model.
    """
    for path in _pushed(folder):
        try:
            record = read_push_record(path)
        except BadDataError:
            return f"{UNKNOWN}{path.name}"
        if best := _said(record):
            return str(best["digest"])
    return NONE


def read_best_until(folder: Path, version: int) -> dict[str, Any] | None:
    """What the newest record up to a version, of those that can be read, says of the best."""
    for path in _pushed(folder):
        if int(path.name) <= version and (best := _said(find_push_record(path))):
            return best
    return None


def choose_best(before: Mapping[str, Any] | None, pushed: Mapping[str, Any]) -> dict[str, Any]:
    """Which is the best from now on: the one before, unless the one that is pushed is better.

    Each by the lower end of Wilson's interval of its accuracy, as it was judged when it was pushed:
    a perfect score on few images is luck more often than skill. Of equals the first stays; of two
    that nobody judged, the one that is pushed.

    Args:
        before: the best until now; None where there is none, or a person begins anew.
        pushed: `version`, `digest`, `accuracy`, `examples`; the last two None where nobody judged.
    """
    if before is None or _shown(pushed) > _shown(before) or _shown(before) == -math.inf:
        return dict(pushed)
    return dict(before)


def list_needed_digests(kept: Sequence[Path]) -> set[str]:
    """The digests that versions need kept: of the best of each, were it to serve again.

    Args:
        kept: their folders; the last one serves, so also the best that it was judged against.
    """
    named = {str((_said(find_push_record(path)) or {}).get("digest")) for path in kept}
    return named | {str(find_push_record(kept[-1]).get("best"))}


def _pushed(folder: Path) -> Iterator[Path]:
    """The versions that have a push record, the newest first."""
    for path in reversed(version_folders(folder).values()):
        if (path / PUSH_RECORD).is_file():
            yield path


def _said(record: Mapping[str, Any]) -> dict[str, Any] | None:
    best = record.get(BEST_SO_FAR)
    return best if isinstance(best, dict) and isinstance(best.get("digest"), str) else None


def _shown(best: Mapping[str, Any]) -> float:
    """The lower end of Wilson's interval; of nothing, -infinity."""
    accuracy, number = best.get("accuracy"), best.get("examples")
    if not (isinstance(accuracy, int | float) and isinstance(number, int) and number > 0):
        return -math.inf
    return wilson_bounds(accuracy, number, _Z)[0]
