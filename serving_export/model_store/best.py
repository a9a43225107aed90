"""Keep the best version ever pushed, so that small permitted losses cannot add up.

Each push record names the best version up to its push, itself included, so that only the record of
the serving version is read. A rollback restores an old record: the version that was rolled back no
longer counts. A push that overrules the comparison with the best resets the best version.
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

BEST_SO_FAR = "best_so_far"  # key in `push.json`: version, digest, accuracy and examples
NONE = "none"
UNKNOWN = "unknown:"  # the version whose record cannot be read follows
_Z = 1.96  # of the interval of an accuracy; its lower end is 97.5 % certain


def read_best_digest(folder: Path) -> str:
    """Return the best version's digest, `NONE` before the first push, or `unknown:N`.

    Args:
        folder: the model's folder.
    """
    for path in _list_pushed(folder):
        try:
            record = read_push_record(path)
        except BadDataError:
            return f"{UNKNOWN}{path.name}"
        if best := _get_best(record):
            return str(best["digest"])
    return NONE


def read_best_until(folder: Path, version: int) -> dict[str, Any] | None:
    """Return the best version by the newest readable push record up to a version."""
    for path in _list_pushed(folder):
        if int(path.name) <= version and (best := _get_best(find_push_record(path))):
            return best
    return None


def choose_best(before: Mapping[str, Any] | None, pushed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the better of the best version so far and the pushed one.

    They are compared by the lower end of Wilson's interval of the accuracy at their push, because a
    perfect score on few images is often chance. Of equal versions the earlier stays; of two without
    an accuracy, the pushed one is chosen.

    Args:
        before: the best version so far; None where there is none, or a person resets it.
        pushed: `version`, `digest`, `accuracy`, `examples`; the last two None where not evaluated.
    """
    if (
        before is None
        or _lower_bound(pushed) > _lower_bound(before)
        or _lower_bound(before) == -math.inf
    ):
        return dict(pushed)
    return dict(before)


def list_needed_digests(kept: Sequence[Path]) -> set[str]:
    """Return the digests of versions that must be kept: the best ones of some versions.

    Args:
        kept: folders of the versions that are kept. The last one serves, so that the best version
            that it was compared with is included.
    """
    best = {str((_get_best(find_push_record(path)) or {}).get("digest")) for path in kept}
    return best | {str(find_push_record(kept[-1]).get("best"))}


def _list_pushed(folder: Path) -> Iterator[Path]:
    """Yield the folders of versions with a push record, the newest first."""
    for path in reversed(version_folders(folder).values()):
        if (path / PUSH_RECORD).is_file():
            yield path


def _get_best(record: Mapping[str, Any]) -> dict[str, Any] | None:
    best = record.get(BEST_SO_FAR)
    return best if isinstance(best, dict) and isinstance(best.get("digest"), str) else None


def _lower_bound(best: Mapping[str, Any]) -> float:
    """Return the lower end of Wilson's interval; -infinity without an accuracy."""
    accuracy, number = best.get("accuracy"), best.get("examples")
    if not (isinstance(accuracy, int | float) and isinstance(number, int) and number > 0):
        return -math.inf
    return wilson_bounds(accuracy, number, _Z)[0]
