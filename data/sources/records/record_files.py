"""List the TFRecord files at a path, and find the split of each by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.files.input_files import InputPath, resolve_input_path
from data.sources.file_source import LeftOut
from data.sources.image_files.listing import list_folder
from data.sources.source_config import SourceConfig
from data.sources.split_names import USUAL_NAMES, choose_splits, find_split_name

# x.tfrecord, x.tfrecords.gz, x.tfrecord-00000-of-00010, or x-00000-of-00010 alone
_RECORDS = re.compile(
    r"[.](?:tfrecords?|tfrec|tfr)(?:[-_.]?[0-9]+-of-[0-9]+)?(?:[.](?:gz|gzip|zlib|zz))?$"
    r"|[-_.][0-9]+-of-[0-9]+(?:[.](?:tfrecords?|tfrec|tfr|gz|gzip|zlib|zz))*$",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"[-_.]?[0-9]+$")
_SHOWN = 8


class RecordFile(NamedTuple):
    """A TFRecord file of the dataset."""

    name: str  # below ingest.path, with /
    path: InputPath
    split: str | None  # train, validation or test; None: the shares of ingest decide


class RecordFiles(NamedTuple):
    """The files of a dataset, by code point of their names, and what is not read."""

    files: Sequence[RecordFile]
    left_out: Sequence[LeftOut]
    described: str  # where the splits come from


def list_record_files(config: SourceConfig) -> RecordFiles:
    """List the TFRecord files at `ingest.path`: a file, or a folder with files at any depth.

    Raises:
        BadDataError: there is none, or no split is train.
        ConfigError: `ingest.splits` names a split that the names of the files do not have.
        EnvironmentTrouble: a folder cannot be listed.
    """
    root = resolve_input_path(config.path, config.beam_args)
    named, left_out = _list_names(root)
    own = {name: _name_split(name) for name in named}
    is_file = list(named.values()) == [root]
    usual = not is_file and any(split.lower() in USUAL_NAMES for split in own.values())
    if not config.splits and not usual:
        files = [RecordFile(name, path, None) for name, path in named.items()]
        return RecordFiles(files, left_out, "files without splits")
    what = f"the files of {escape_line(str(root))}"
    chosen = choose_splits(sorted(set(own.values())), config.splits, what)
    files = []
    for name, path in named.items():
        if own[name] in chosen.splits:
            files.append(RecordFile(name, path, chosen.splits[own[name]]))
        else:
            left_out.append(LeftOut(name, f"the split {own[name]!r} is not read"))
    return RecordFiles(files, sorted(left_out), _describe_splits(chosen.splits))


def _name_split(name: str) -> str:
    """Return what a file's path calls its split, such as test of test.tfrecord-00000-of-00010."""
    *folders, file = name.split("/")
    return find_split_name(_NUMBERS.sub("", _RECORDS.sub("", file)), folders) or file


def _list_names(root: InputPath) -> tuple[dict[str, InputPath], list[LeftOut]]:
    """Return the names of the files of records, and what else lies there."""
    if not _is_folder(root):
        return {root.name: root}, []
    listing = list_folder(root)
    left_out, named = list(listing.left_out), {}
    for file in listing.files:
        if _RECORDS.search(file.name):
            named[file.name] = root / file.name
        else:
            left_out.append(LeftOut(file.name, "not a TFRecord file by its name"))
    if not named:
        shown = ", ".join(escape_line(file.name) for file in listing.files[:_SHOWN])
        raise BadDataError(
            f"{escape_line(str(root))} has no TFRecord file",
            expected="a file such as x.tfrecord, x.tfrecords.gz or train-00000-of-00010",
            got=shown or "an empty folder",
            follows="nothing was ingested",
            remedy="check ingest.path; a file by itself may have any name",
        )
    return named, left_out


def _is_folder(root: InputPath) -> bool:
    if isinstance(root, Path):
        return root.is_dir()
    try:
        return next(iter(root.list_tree()), None) is not None
    except OSError:  # opening it says why
        return False


def _describe_splits(splits: Mapping[str, str | None]) -> str:
    texts = [f"{split or 'train'!r} from {escape_line(own)!r}" for own, split in splits.items()]
    return "splits by the files' names: " + ", ".join(texts)
