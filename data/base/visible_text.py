"""Text of users, such as a class's name, as a person may read it: nothing in it acts unseen."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from data.redaction import redact

_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, marks of direction, lone surrogates, breaks
_KEPT = "\n\t\u200c\u200d"  # lines, tabs, and what joins letters: they belong to what is read


def escape_controls(text: str) -> str:
    r"""The text with what would act on its reader's screen written out: ESC as `\x1b`; no secrets.

    Control characters change a terminal, marks of direction the order in which a line is read
    (https://trojansource.codes). Other text stays as it is.
    """
    text = redact(text)
    if text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode() if _acts(character) else character
        for character in text
    )


def format_json(value: Any) -> str:
    """The value as indented JSON, in which what would act unseen is escaped."""
    text = redact(json.dumps(value, indent=2, ensure_ascii=False))
    return "".join(json.dumps(c)[1:-1] if _acts(c) else c for c in text)


def escape_toml(text: str) -> str:
    """TOML, its strings in double quotes, in which what would act unseen is escaped."""
    return "".join(f"\\U{ord(c):08x}" if _acts(c) else c for c in redact(text))


def _acts(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN and character not in _KEPT
