"""Commands that are suggested: words that can be copied into a shell as they stand."""

from __future__ import annotations

import shlex
from pathlib import Path


def format_command(*words: object, root: Path | None = None) -> str:
    """`penstock` with these words, quoted; `--root` too, where it is not the usual one."""
    at = [] if root in (None, Path(".penstock")) else ["--root", str(root)]
    return shlex.join(["penstock", *map(str, words), *at])
