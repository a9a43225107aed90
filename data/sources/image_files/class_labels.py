"""Order and check the classes of a source whose labels are names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from data.base.visible_text import escape_line
from data.errors import BadDataError, suggest_names

_SHOWN = 8


def choose_classes(
    labels: Mapping[str, str], given: tuple[str, ...] | None, where: str
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the names of the classes in their order, and the class of each label.

    A name is the label in Unicode's form NFC. The order is that of `given`, else by value where
    all names are whole numbers, else by code point.

    Args:
        labels: label as it stands in the data → a place where it stands, for messages.
        given: all class names; None: those of the data.
        where: the folder or table, for messages.

    Raises:
        BadDataError: a label that no class can have, two that are equal but for case or Unicode's
            form, one that is not among the given ones, or fewer than two classes.
    """
    names = {label: _check_label(label, place) for label, place in labels.items()}
    if given is not None:
        by_name = {unicodedata.normalize("NFC", name): name for name in given}
        for label, name in names.items():
            if name not in by_name:
                raise _unknown_class_error(label, labels[label], given)
        names = {label: by_name[name] for label, name in names.items()}
    _refuse_equal_names(names, labels, given)
    order = given or sort_names(names.values())
    if len(order) < 2:
        raise BadDataError(
            f"{where} has only one class",
            expected="images of two or more classes",
            got=", ".join(map(escape_line, order)) or "none",
            follows="nothing was ingested",
            remedy="add images of another class, or name all classes in ingest.class_names",
        )
    return order, names


def sort_names(names: object) -> tuple[str, ...]:
    """Sort class names: by value where all are whole numbers, else by code point."""
    distinct = set(map(str, names))  # type: ignore[call-overload]
    if all(re.fullmatch("[0-9]{1,18}", name) for name in distinct):
        return tuple(sorted(distinct, key=lambda name: (int(name), name)))
    return tuple(sorted(distinct))


def _check_label(label: str, place: str) -> str:
    """Return the class's name for a label."""
    why = ""
    if not label.strip():
        why = "an empty name"
    elif any(0xD800 <= ord(character) <= 0xDFFF for character in label):
        why = "bytes that are no UTF-8"
    elif any(unicodedata.category(character) == "Cc" for character in label):
        why = "a line break or another control character"
    if why:
        raise BadDataError(
            f"{escape_line(place)} has no usable name of a class",
            expected="text in UTF-8 on one line",
            got=f"{escape_line(label)!r}: {why}",
            follows="nothing was ingested",
            remedy="rename the class, or save the table as UTF-8",
        )
    return unicodedata.normalize("NFC", label)


def _unknown_class_error(label: str, place: str, given: tuple[str, ...]) -> BadDataError:
    return BadDataError(
        f"{escape_line(place)} has a class that ingest.class_names does not name",
        expected=f"one of {len(given)} names"
        + (f": {', '.join(given)}" if len(given) <= _SHOWN else ""),
        got=repr(label),
        follows="nothing was ingested",
        remedy=f"{suggest_names(label, given[:1000])} Rename it, or add it to ingest.class_names",
    )


def _refuse_equal_names(
    names: Mapping[str, str], labels: Mapping[str, str], given: tuple[str, ...] | None
) -> None:
    """Refuse two labels that a reader or another file system takes for one."""
    first: dict[str, str] = {}  # key → label
    for label, name in names.items():
        # two names that differ in case are two classes where both are given
        other = first.setdefault(name if given else _fold(name), label)
        if other != label:
            is_case = names[other] != name
            raise BadDataError(
                f"two names of classes are equal but for {'case' if is_case else 'Unicode form'}",
                expected="names that differ in more",
                got=f"{escape_line(labels[other])} and {escape_line(labels[label])}: "
                f"{other!a} and {label!a}",
                follows="nothing was ingested",
                remedy="give one class one name"
                + (", or name both in ingest.class_names if they are two" if is_case else ""),
            )


def _fold(name: str) -> str:
    """Fold the differences of case, of Unicode's form, and of spaces around a name."""
    folded = unicodedata.normalize("NFD", name.strip()).casefold()
    return unicodedata.normalize("NFC", folded)
