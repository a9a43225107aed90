"""Find arrays by their names: which dataset, which split, images or labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, Literal, NamedTuple, TypeVar, get_args

from data.base.visible_text import escape_line
from data.errors import BadDataError, ConfigError
from data.sources.arrays.array_layout import describe_assumption
from data.sources.source_config import SourceConfig
from data.sources.split_names import SPLIT_NAMES, TRAIN, USUAL_NAMES, open_train

Kind = Literal["images", "labels"]
T = TypeVar("T")
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("images", "image", "imgs", "img", "x"), "images"),
    **dict.fromkeys(("labels", "label", "targets", "target", "y"), "labels"),
}
_NAMED = 8  # most arrays that the summary names
_SPLITS = {**USUAL_NAMES, "t10k": "test"}


class ArrayName(NamedTuple):
    """What the name of an array says, such as emnist-letters-train-images."""

    dataset: str  # the words besides those of split and kind, such as emnist-letters; or none
    split: str | None  # train, validation or test; None: the name has no split
    kind: Kind


def parse_array_name(name: str) -> ArrayName | None:
    """Return what a name without its ending says; None if it names neither images nor labels."""
    words = re.split(r"[-_. ]+", name.lower())
    kinds = [word for word in words if word in _KINDS]
    splits = [word for word in words if word in _SPLITS]
    if len(kinds) != 1 or len(splits) > 1:
        return None
    dataset = "-".join(word for word in words if word not in (*kinds, *splits))
    return ArrayName(dataset, _SPLITS[splits[0]] if splits else None, _KINDS[kinds[0]])


def parse_table_name(name: str) -> ArrayName | None:
    """Return what the name of a table, which has images and labels, says; None without a split."""
    parsed = parse_array_name(f"{name}-images")
    return parsed if parsed and parsed.split else None


class Found(NamedTuple, Generic[T]):
    """The arrays of one dataset."""

    dataset: str
    arrays: Mapping[tuple[str | None, Kind], T]  # by split and kind
    unused: tuple[T, ...]  # arrays that another of the same split and kind replaces, or of others


def choose_dataset(
    named: Iterable[tuple[ArrayName, T]], wanted: str | None, where: object
) -> Found[T]:
    """Choose the arrays of one dataset; of two for one split and kind the first counts.

    Args:
        named: the arrays that have such names, in their order.
        wanted: `ingest.name`, which decides where there are several datasets.
        where: the folder, for messages.

    Raises:
        ConfigError: there are several datasets, and `wanted` is none of them.
    """
    named = list(named)
    if not named:
        return Found("", {}, ())
    datasets = sorted({name.dataset for name, _ in named})
    dataset = datasets[0] if len(datasets) == 1 else (wanted or "")
    if dataset not in datasets or (len(datasets) > 1 and not wanted):
        listed = [escape_line(name) or "one without a name" for name in datasets]
        example = next(filter(None, datasets))
        raise ConfigError(
            f"{where} holds the files of {len(datasets)} datasets",
            expected="one dataset, or ingest.name with the name of one of them",
            got=", ".join(listed[:12]) + (" …" if len(listed) > 12 else ""),
            follows="nothing was ingested",
            remedy=f"--set ingest.name={escape_line(example)}, for example, or move the files of "
            "each dataset into a folder of its own",
        )
    arrays: dict[tuple[str | None, Kind], T] = {}
    unused = []
    for name, array in named:
        if name.dataset == dataset and (name.split, name.kind) not in arrays:
            arrays[name.split, name.kind] = array
        else:
            unused.append(array)
    return Found(dataset, arrays, tuple(unused))


def pair_splits(
    arrays: Mapping[tuple[str | None, Kind], T], where: object, list_present: Callable[[], str]
) -> dict[str | None, tuple[T, T]]:
    """Pair images with labels: train, validation, test or None → both.

    Arrays without a split in their names become train where no names have that. If no split becomes
    test, train has no split, so that a share of it can be cut.

    Args:
        arrays: by split and kind.
        where: the file or folder, for messages.
        list_present: describes the arrays that are there, for messages.

    Raises:
        BadDataError: a split, or train, lacks images or labels.
    """
    by_split: dict[str | None, dict[Kind, T]] = {}
    for (split, kind), array in arrays.items():
        by_split.setdefault(split, {})[kind] = array
    by_split.setdefault(TRAIN, by_split.pop(None, {}))
    by_split.pop(None, None)
    for split, kinds in by_split.items():
        for kind in get_args(Kind):
            if kind not in kinds:
                raise BadDataError(
                    f"{where} has no {kind} of the split {split}",
                    expected="images and labels of train, and of other splits, under names such as "
                    "x_train and y_train or test_images and test_labels",
                    got=list_present(),
                    follows="nothing was ingested",
                    remedy="check ingest.path, and rename the arrays that are there",
                )
    splits = open_train({split: split for split in SPLIT_NAMES if split in by_split})
    return {
        name: (by_split[split]["images"], by_split[split]["labels"])
        for split, name in splits.items()
    }


def describe_found(found: Found[T], config: SourceConfig, unused: Sequence[str]) -> list[str]:
    """Say what was assumed of a dataset, and which of the arrays in the folder are not used."""
    facts = describe_assumption(found.dataset, config)
    if unused:
        more = f" and {len(unused) - _NAMED} more" if len(unused) > _NAMED else ""
        facts.append("not used: " + ", ".join(map(escape_line, unused[:_NAMED])) + more)
    return facts
