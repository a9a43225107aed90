"""Find which of a dataset's own splits become train, validation and test."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from data.base.visible_text import escape_line
from data.errors import BadDataError, ConfigError, suggest_names

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLIT_NAMES = (TRAIN, VALIDATION, TEST)  # in the order in which shards and counts are listed
# A usual name, in lower case → the split.
USUAL_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


def find_split_name(stem: str, folders: Sequence[str]) -> str:
    """Return what the path of a file calls its split: train/0000 and mnist_train are of train.

    A whole name counts before a word of a name, and the file's before those of its folders. Of two
    words none counts, so that the whole name is the split's own, which `ingest.splits` can tell.

    Args:
        stem: name of the file without its number and its ending; "" if there is nothing else.
        folders: names of the folders that it lies in, the innermost last.
    """
    names = [name for name in (stem, *reversed(folders)) if name]
    for name in names:
        if name.lower() in USUAL_NAMES:
            return name
    for name in names:
        words = dict.fromkeys(w for w in re.split(r"[^A-Za-z]+", name) if w.lower() in USUAL_NAMES)
        if words:
            return next(iter(words)) if len(words) == 1 else name
    return next(iter(names), "")


class ChosenSplits(NamedTuple):
    """The splits of a dataset that are read, and those that are not."""

    splits: Mapping[str, str | None]  # own name → split; None: the shares of ingest decide
    unused: tuple[str, ...]  # own names


def choose_splits(own: Iterable[str], setting: Mapping[str, str], what: str) -> ChosenSplits:
    """Choose the splits of a dataset by its setting, or else by their usual names.

    Where no split becomes test, images of train have no split, so that a share of them can be cut.

    Args:
        own: names of the dataset's splits, in their order.
        setting: `ingest.splits`: train, validation or test → own names, joined by +.
        what: the dataset, for messages.

    Raises:
        ConfigError: the setting names a split that the dataset lacks, or one twice.
        BadDataError: no split is called train, without a setting.
    """
    own = tuple(own)
    if setting:
        chosen = _apply_setting(own, setting, what)
    else:
        chosen = {name: USUAL_NAMES[name.lower()] for name in own if name.lower() in USUAL_NAMES}
    if "train" not in chosen.values():
        raise BadDataError(
            f"no split of {what} becomes train",
            expected="a split named train, or ingest.splits",
            got=", ".join(map(escape_line, own)) or "no splits",
            follows="nothing was ingested",
            remedy='--set ingest.splits=\'{train = "…", test = "…"}\' with names of its splits',
        )
    unused = tuple(name for name in own if name not in chosen)
    return ChosenSplits(open_train(chosen), unused)


def open_train(splits: Mapping[str, str]) -> dict[str, str | None]:
    """Return the splits with None for train where none of them is test: a share can be cut."""
    cut = "test" not in splits.values()
    return {name: None if cut and split == "train" else split for name, split in splits.items()}


def _apply_setting(own: tuple[str, ...], setting: Mapping[str, str], what: str) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for split, text in setting.items():
        for name in (part.strip() for part in text.split("+")):
            if name not in own or name in chosen:
                problem = "twice" if name in chosen else "a split that is not there"
                raise ConfigError(
                    f"ingest.splits names {problem}: {name!r}",
                    expected=f"splits of {what}, each once: {', '.join(map(escape_line, own))}",
                    got=f"{split} = {text!r}",
                    follows="nothing was ingested",
                    remedy=suggest_names(name, own),
                )
            chosen[name] = split
    return chosen
