"""Find the Parquet files below a folder, and the split of each by its name or its folder's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.files.input_files import InputPath
from data.sources.file_source import LeftOut
from data.sources.image_files.listing import list_folder
from data.sources.split_names import USUAL_NAMES, choose_splits, find_split_name

ENDINGS = (".parquet", ".pq")
# train-00000-of-00002, also with the hash that older versions of `datasets` add
_SHARD = re.compile(r"(?P<stem>.*?)[-_.]?[0-9]+-of-[0-9]+(-[0-9a-f]{16})?")
_NUMBER = re.compile(r"(?P<stem>.*?)[-_.]?[0-9]*")


class ShardFile(NamedTuple):
    """A Parquet file of the dataset."""

    name: str  # below the folder
    own_split: str  # what its name or its folder calls the split
    split: str | None


class Shards(NamedTuple):
    """The files of a dataset, by code point of their names."""

    folder: InputPath
    files: Sequence[ShardFile]
    left_out: Sequence[LeftOut]
    described: str  # where splits come from


def find_shards(path: InputPath, setting: Mapping[str, str]) -> Shards:
    """Find the files at or below a path.

    Args:
        path: a Parquet file, or a folder of them.
        setting: `ingest.splits`.

    Raises:
        BadDataError: there are none, or no split becomes train.
        ConfigError: the setting names a split that there is not.
        EnvironmentTrouble: a folder cannot be listed.
    """
    if _is_file(path):
        folder, names, left_out = path.parent, [path.name], []
    else:
        folder, listing = path, list_folder(path)
        names = [file.name for file in listing.files if is_parquet_name(file.name)]
        others = (file.name for file in listing.files if not is_parquet_name(file.name))
        left_out = [*listing.left_out, *(LeftOut(name, "not a Parquet file") for name in others)]
    where = escape_line(str(path))
    if not names:
        raise BadDataError(
            f"{where} holds no Parquet files",
            expected=f"files with the ending {' or '.join(ENDINGS)}",
            got=", ".join(escape_line(entry.name) for entry in left_out[:5]) or "nothing",
            follows="nothing was ingested",
            remedy="check ingest.path; git lfs pull fetches files that were cloned without content",
        )
    own = {name: _name_split(name) for name in names}
    splits = _choose(own.values(), setting, where, is_alone=_is_file(path))
    files = [ShardFile(n, own[n], splits[own[n]]) for n in names if own[n] in splits]
    unused = [n for n in names if own[n] not in splits]
    left_out += [LeftOut(name, f"of the split {own[name]!r}, which is unused") for name in unused]
    return Shards(folder, files, sorted(left_out), _describe(splits))


def is_parquet_name(name: str) -> bool:
    """Return whether a name ends as that of a Parquet file, in upper or lower case."""
    return name.lower().endswith(ENDINGS)


def _name_split(name: str) -> str:
    """Return what a file's path calls its split, such as train of train-00000-of-00002.parquet."""
    *folders, last = name.split("/")
    base = last.rpartition(".")[0]
    shard = _SHARD.fullmatch(base) or _NUMBER.fullmatch(base)
    return find_split_name(shard["stem"] if shard else base, folders) or base


def _choose(
    own: Iterable[str], setting: Mapping[str, str], where: str, *, is_alone: bool
) -> Mapping[str, str | None]:
    names = list(dict.fromkeys(own))
    if not setting and (is_alone or not any(name.lower() in USUAL_NAMES for name in names)):
        return dict.fromkeys(names)
    return choose_splits(names, setting, where).splits


def _describe(splits: Mapping[str, str | None]) -> str:
    named = [f"{split} from {own!r}" for own, split in splits.items() if split is not None]
    return escape_line(f"splits by the files' names: {', '.join(named)}") if named else ""


def _is_file(path: InputPath) -> bool:
    return path.is_file() if isinstance(path, Path) else is_parquet_name(path.name)
