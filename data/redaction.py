"""Secrets never appear in text that leaves: those that this process has read, and those in URLs."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

HIDDEN = "…"
_SHORTEST = 4  # letters: of fewer, any text would be full
_IN_URL = re.compile(r"(://[^/?#@\s:]*):[^/?#@\s]+@")

_read: set[str] = set()


def remember_secret(secret: str) -> None:
    """From now on `redact` hides it in whatever this process writes."""
    if len(secret) >= _SHORTEST:
        forms = (secret, quote(secret, safe=""), repr(secret)[1:-1], json.dumps(secret)[1:-1])
        _read.update(forms)


def redact(text: str) -> str:
    """The text without secrets that were read, and without the password in `//user:password@`."""
    for secret in sorted(_read, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _IN_URL.sub(rf"\1:{HIDDEN}@", text) if "@" in text else text


def has_password(text: str) -> bool:
    """Whether a URL in it holds a password."""
    return bool(_IN_URL.search(text))
