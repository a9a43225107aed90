"""List all files below a folder, on this machine or behind a URL; no file is opened."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from data.base.visible_text import escape_line
from data.errors import BadDataError, EnvironmentTrouble, summarize_error
from data.files.input_files import InputPath, RemotePath
from data.sources.file_source import LeftOut

ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".bmp", ".dib")
_SYSTEM_FOLDERS = {
    "$RECYCLE.BIN",
    "@eaDir",
    "System Volume Information",
    "__MACOSX",
    "__pycache__",
    "lost+found",
}
_MOST_PATHS = 8  # by which links may lead to one folder: more are a tree that grows without end
_BROKEN = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Listed(NamedTuple):
    """A file, or a link that should lead to one."""

    name: str  # path below the folder, with /
    size: int  # bytes
    identity: tuple[int, int] | None = None  # device and inode; None: not known
    problem: str | None = None  # why it cannot be read
    leaves: bool = False  # whether a link leads out of the folder


@dataclass
class Listing:
    """What lies below a folder, by code point of the names."""

    files: list[Listed] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)  # without those of a URL that hold no file
    left_out: list[LeftOut] = field(default_factory=list)  # hidden, or neither file nor folder

    def sort(self) -> Listing:
        self.files.sort(key=lambda file: file.name)
        self.folders.sort()
        self.left_out.sort()
        return self


def is_image_name(name: str) -> bool:
    """Return whether a name ends as the name of an image does, in upper or lower case."""
    return name.lower().endswith(ENDINGS)


def explain_no_image(name: str) -> str:
    """Return why a file does not count as an image, by its name."""
    ending = os.path.splitext(name)[1].lower()
    return f"not an image: {escape_line(ending)}" if ending else "not an image: no ending"


def list_folder(root: InputPath, tops: Collection[str] | None = None) -> Listing:
    """List a folder; links are followed.

    Hidden files and folders are left out, and so are links to a folder that holds them.

    Args:
        root: the folder.
        tops: of the folders directly in it those to list, and "" for the files directly in it;
            None: all.

    Raises:
        BadDataError: the folder does not exist, or is a file, or links multiply its folders.
        ConfigError: no file system supports the URL.
        EnvironmentTrouble: a folder cannot be listed.
    """
    if isinstance(root, RemotePath):
        return _list_url(root, tops)
    try:
        root_stat = root.stat()
    except OSError as error:
        if error.errno in _BROKEN:
            raise missing_folder_error(root, error.strerror) from error
        raise _unlisted_error(str(root), error) from error
    if not stat.S_ISDIR(root_stat.st_mode):
        raise missing_folder_error(root, "a file")
    return _Walk(root, _identify(root_stat), tops).run()


def missing_folder_error(root: InputPath, got: str | None) -> BadDataError:
    """Return the error for a folder of images that does not exist or is none."""
    return BadDataError(
        f"{escape_line(str(root))} is not a folder of images",
        expected="a folder that exists",
        got=got,
        follows="nothing was ingested",
        remedy="check ingest.path; unpack an archive first, and read a table of paths and labels "
        "by --set ingest.source=table",
    )


def _unlisted_error(folder: str, error: OSError) -> EnvironmentTrouble:
    return EnvironmentTrouble(
        f"the folder {escape_line(folder)} cannot be listed",
        expected="a folder that this user may read and enter",
        got=error.strerror or summarize_error(error),
        follows="nothing was ingested",
        remedy="fix its permissions, the disk or the network, then run the same command again",
    )


def _identify(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


class _Folder(NamedTuple):
    path: str
    prefix: str  # of the names in it: its path below the root, with / at its end
    above: tuple[tuple[int, int], ...]  # identities of the folder and those that hold it
    leaves: bool  # whether a link has led out of the root


class _Walk:
    """Lists the folders of this machine, one after the other."""

    def __init__(self, root: Path, identity: tuple[int, int], tops: Collection[str] | None) -> None:
        self.listing = Listing()
        self._tops = tops
        self._real_root = os.path.realpath(root)
        self._paths: dict[tuple[int, int], int] = {}  # folder → paths by which it was entered
        self._pending = [_Folder(str(root), "", (identity,), False)]

    def run(self) -> Listing:
        while self._pending:
            folder = self._pending.pop()
            try:
                with os.scandir(folder.path) as listed:
                    entries = list(listed)
            except OSError as error:
                raise _unlisted_error(folder.path, error) from error
            for entry in entries:
                if folder.prefix or self._counts(entry):
                    self._add(entry, folder)
        return self.listing.sort()

    def _counts(self, entry: os.DirEntry[str]) -> bool:
        """Return whether an entry of the root is to be listed."""
        if self._tops is None or entry.name in self._tops:
            return True
        return "" in self._tops and not entry.is_dir()

    def _add(self, entry: os.DirEntry[str], folder: _Folder) -> None:
        left_out, name = self.listing.left_out, folder.prefix + entry.name
        if entry.name.startswith("."):
            left_out.append(LeftOut(name, "hidden"))
            return
        try:
            status = entry.stat()
        except OSError as error:
            if error.errno not in _BROKEN:
                raise _unlisted_error(folder.path, error) from error
            if entry.is_symlink():  # otherwise it was removed just now
                self.listing.files.append(Listed(name, 0, None, "a broken link"))
            return
        leaves = folder.leaves
        if entry.is_symlink():
            leaves = not is_below(os.path.realpath(entry.path), self._real_root)
        identity = _identify(status)
        if stat.S_ISREG(status.st_mode):
            self.listing.files.append(Listed(name, status.st_size, identity, None, leaves))
        elif not stat.S_ISDIR(status.st_mode):
            left_out.append(LeftOut(name, "neither a file nor a folder"))
        elif entry.name in _SYSTEM_FOLDERS:
            left_out.append(LeftOut(f"{name}/", "a folder of the system"))
        elif identity in folder.above:
            left_out.append(LeftOut(f"{name}/", "a link to a folder that holds it"))
        else:
            self._count_path(identity, entry.path)
            self.listing.folders.append(name)
            above = (*folder.above, identity)
            self._pending.append(_Folder(entry.path, f"{name}/", above, leaves))

    def _count_path(self, identity: tuple[int, int], path: str) -> None:
        paths = self._paths[identity] = self._paths.get(identity, 0) + 1
        if paths > _MOST_PATHS:
            raise BadDataError(
                f"links lead to one folder on more than {_MOST_PATHS} paths: {escape_line(path)}",
                expected="each folder once, or a few times",
                got=escape_line(os.path.realpath(path)),
                follows="nothing was ingested",
                remedy="remove the links that repeat the folder",
            )


def is_below(path: str, folder: str) -> bool:
    """Return whether a path is a folder or lies in it, by its text."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _list_url(root: RemotePath, tops: Collection[str] | None) -> Listing:
    try:
        files = list(root.list_tree(tops))
    except FileNotFoundError as error:
        raise missing_folder_error(root, error.strerror) from error
    except OSError as error:
        raise _unlisted_error(str(root), error) from error
    listing, folders = Listing(), set[str]()
    for name, size in files:
        *above, last = name.split("/")
        if last.startswith(".") or any(part.startswith(".") for part in above):
            listing.left_out.append(LeftOut(name, "hidden"))
        elif not _SYSTEM_FOLDERS.isdisjoint(above):
            listing.left_out.append(LeftOut(name, "in a folder of the system"))
        else:
            listing.files.append(Listed(name, size))
            folders.update("/".join(above[:depth]) for depth in range(1, len(above) + 1))
    listing.folders = list(folders)
    return listing.sort()
