"""Format suggested commands so that they can be copied into a shell."""

from __future__ import annotations

import shlex
from pathlib import Path


def format_command(*arguments: object, root: Path | None = None) -> str:
    """Quote `penstock` with these arguments; `--root` is added where it is not the default."""
    option = [] if root in (None, Path(".penstock")) else ["--root", str(root)]
    return shlex.join(["penstock", *map(str, arguments), *option])
