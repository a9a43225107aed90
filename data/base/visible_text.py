"""Escape invisible characters in texts of users, such as class names, for display."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from data.redaction import redact

# Unicode categories: controls, marks of direction, lone surrogates, breaks
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_KEPT = "\n\t\u200c\u200d"  # line breaks, tabs and joiners of letters are part of the text


def escape_controls(text: str) -> str:
    r"""Write out the invisible characters of a text, such as ESC as `\x1b`, and remove secrets.

    Control characters change a terminal, and marks of direction the order of a line
    (https://trojansource.codes). All other text stays as it is.
    """
    text = redact(text)
    if text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode() if _is_invisible(character) else character
        for character in text
    )


def escape_line(text: str) -> str:
    r"""Write out all invisible characters of a text, line breaks too, such as those of a file name.

    Bytes of a name that are no UTF-8, which Python keeps as lone surrogates, become `\\udcff`.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def format_json(value: Any) -> str:
    """Write a value as indented JSON with invisible characters escaped and secrets removed."""
    text = redact(json.dumps(value, indent=2, ensure_ascii=False))
    return "".join(json.dumps(c)[1:-1] if _is_invisible(c) else c for c in text)


def escape_toml(text: str) -> str:
    """Escape the invisible characters of a TOML text whose strings have double quotes."""
    return "".join(f"\\U{ord(c):08x}" if _is_invisible(c) else c for c in redact(text))


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE and character not in _KEPT
