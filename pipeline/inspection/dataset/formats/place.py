"""List what is at a path, and read the first bytes of its files."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from data.errors import BadDataError, unreadable_file_error
from data.files.input_files import InputPath, is_url, resolve_input_path
from data.sources.image_files.listing import ENDINGS

_HEAD = 1 << 16  # bytes of a file that are looked at
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Place:
    """A file, or the files and folders directly in a folder; what is hidden does not count."""

    path: str  # as the user wrote it
    is_file: bool
    files: tuple[str, ...]  # names, sorted; of a file its own
    folders: tuple[str, ...] = ()

    @property
    def has_class_folders(self) -> bool:
        """Whether files lie in folders rather than directly here."""
        return len(self.folders) > 1 and not any(ends(name, ENDINGS) for name in self.files)

    def join(self, name: str) -> str:
        """Return the path of a file or folder in this place."""
        return self.path if self.is_file else f"{self.path.rstrip('/')}/{name}"

    def get_folder(self) -> str:
        """Return the path of the folder: of a file the one that it lies in."""
        if not self.is_file:
            return self.path
        return self.path.removesuffix(self.files[0]).rstrip("/") or "."

    def read_head(self, name: str) -> bytes:
        """Return the first bytes of a file, of gzip its content's; none if it is unreadable."""
        try:
            with self.open(name) as file:
                head = file.read(_HEAD)
        except OSError:
            return b""
        if not head.startswith(_GZIP):
            return head
        try:
            return zlib.decompressobj(wbits=31).decompress(head, _HEAD)
        except zlib.error:
            return b""

    def open(self, name: str) -> IO[bytes]:
        return resolve_input_path(self.join(name)).open("rb")

    def enter_folders(self) -> Iterator[Place]:
        """Yield the folders in this one; one that holds a folder alone is entered as well."""
        for name in self.folders:
            place = look_at_place(self.join(name))
            yield place
            if not place.files and len(place.folders) == 1:
                yield from place.enter_folders()


def look_at_place(path: str) -> Place:
    """List what is at a path.

    Raises:
        BadDataError: nothing is there.
        EnvironmentTrouble: it cannot be listed.
    """
    place = resolve_input_path(path)
    try:
        entries = [entry for entry in place.iterdir() if not entry.name.startswith(".")]
    except NotADirectoryError:
        return Place(path, True, (place.name,))
    except FileNotFoundError as error:
        if is_url(path):  # listing does not tell a file from a missing folder
            return Place(path, True, (place.name,))
        raise BadDataError(
            f"{path} does not exist",
            expected="a folder of images, or a file of a dataset",
            remedy="check the path",
        ) from error
    except OSError as error:
        raise unreadable_file_error(path, error) from error
    folders = {entry.name for entry in entries if _is_folder(entry)}
    files = sorted(entry.name for entry in entries if entry.name not in folders)
    return Place(path, False, tuple(files), tuple(sorted(folders)))


def ends(name: str, endings: tuple[str, ...]) -> bool:
    """Return whether a name has one of the endings, in either case."""
    return name.lower().endswith(endings)


def _is_folder(entry: InputPath) -> bool:
    try:
        next(iter(entry.iterdir()), None)
    except OSError:
        return False
    return True
