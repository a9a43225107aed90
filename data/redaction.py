"""Remove secrets from texts: those that this process has read, and passwords in URLs."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

HIDDEN = "…"
_SHORTEST = 4  # letters; shorter secrets would match ordinary text
_IN_URL = re.compile(r"(://[^/?#@\s:]*):[^/?#@\s]+@")

_secrets: set[str] = set()


def remember_secret(secret: str) -> None:
    """Let `redact` remove this secret from now on."""
    if len(secret) >= _SHORTEST:
        forms = (secret, quote(secret, safe=""), repr(secret)[1:-1], json.dumps(secret)[1:-1])
        _secrets.update(forms)


def redact(text: str) -> str:
    """Replace remembered secrets, and the password in `//user:password@`, by an ellipsis."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _IN_URL.sub(rf"\1:{HIDDEN}@", text) if "@" in text else text


def has_password(text: str) -> bool:
    """Return whether a text holds a URL with a password."""
    return bool(_IN_URL.search(text))
