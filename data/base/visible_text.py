"""Text of users, such as a class's name, as a person may read it: nothing in it acts unseen."""

from __future__ import annotations

import unicodedata

_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, marks of direction, lone surrogates, breaks
_KEPT = "\n\t\u200c\u200d"  # lines, tabs, and what joins letters: they belong to what is read


def visible(text: str) -> str:
    r"""The text with what would act on its reader's screen written out: ESC as `\x1b`.

    Control characters change a terminal, marks of direction the order in which a line is read
    (https://trojansource.codes). Other text stays as it is.
    """
    if text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _UNSEEN and character not in _KEPT
        else character
        for character in text
    )
