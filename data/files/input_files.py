"""Open and list input files on this machine or behind a URL of one of Beam's file systems.

Local files are plain `pathlib.Path`; only a URL imports Beam.
"""

from __future__ import annotations

import errno
import functools
import io
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from data.errors import ConfigError, EnvironmentTrouble, summarize_error

if TYPE_CHECKING:
    from apache_beam.io.filesystem import FileMetadata, FileSystem
    from apache_beam.options.pipeline_options import PipelineOptions

_BUFFER = 1 << 20  # bytes fetched at a time
# error code or name of a storage client → errno of the operating system
_ERRNOS = {
    401: errno.EACCES,
    403: errno.EACCES,
    404: errno.ENOENT,
    "AccessControlException": errno.EACCES,
    "FileNotFoundException": errno.ENOENT,
}


@dataclass(frozen=True)
class RemotePath:
    """A file or folder behind a URL, with the methods of `pathlib.Path` that sources use.

    Each method raises the OSError that a local file would raise, and ConfigError where no file
    system supports the URL.
    """

    url: str  # without a slash at its end
    # pickled with it, because not every worker gets Beam's flags; they may hold keys
    beam_args: tuple[str, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> RemotePath:
        return RemotePath(f"{self.url}/{name}", self.beam_args)

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def parent(self) -> RemotePath:
        return RemotePath(self.url.rpartition("/")[0], self.beam_args)

    def open(self, mode: Literal["rb"] = "rb") -> IO[bytes]:
        """Open the file's bytes as they are stored: gzip is not decompressed, whatever the name."""
        from apache_beam.io.filesystem import CompressionTypes

        files = _file_system(self)
        with _translate_client_errors(self.url):
            handle = files.open(self.url, compression_type=CompressionTypes.UNCOMPRESSED)
        return io.BufferedReader(_RemoteFile(handle, self.url), _BUFFER)

    def iterdir(self) -> Iterator[RemotePath]:
        """Yield the entries of the folder; an empty one does not exist, as in some stores."""
        entries = _match(_file_system(self), f"{self.url}/*")
        if not entries:
            raise FileNotFoundError(errno.ENOENT, "No such folder, or an empty one", self.url)
        yield from (RemotePath(file.path, self.beam_args) for file in entries)

    def list_tree(self, tops: Collection[str] | None = None) -> Iterator[tuple[str, int]]:
        """Yield the files below the folder, hidden ones too: path below it, and bytes.

        Args:
            tops: of the folders directly in it those to list, and "" for the files directly in it;
                None: all.
        """
        if tops is None:
            patterns = [f"{self.url}/**"]
        else:
            # no pattern's characters: Beam has no way to escape one
            below = (f"{re.sub('[][*?]', '?', top)}/**" if top else "*" for top in sorted(tops))
            patterns = [f"{self.url}/{pattern}" for pattern in below]
        files = _file_system(self)
        entries = {file.path: file for pattern in patterns for file in _match(files, pattern)}
        if not entries:
            raise FileNotFoundError(errno.ENOENT, "No such folder, or an empty one", self.url)
        for path, file in entries.items():
            name = path[len(self.url) + 1 :]
            if tops is None or (name.partition("/")[0] if "/" in name else "") in tops:
                yield name, file.size_in_bytes


class _RemoteFile(io.RawIOBase):
    """A file that Beam opened; errors of its client are raised as OSErrors."""

    def __init__(self, handle: Any, url: str) -> None:
        self._handle = handle
        self._url = url

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _translate_client_errors(self._url):
            content = self._handle.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with _translate_client_errors(self._url):
            self._handle.seek(offset, whence)
            return self.tell()

    def tell(self) -> int:
        return int(self._handle.tell())

    def close(self) -> None:
        if not self.closed:
            self._handle.close()
        super().close()


InputPath = Path | RemotePath


def is_url(path: str | None) -> bool:
    """Return whether a path is a URL."""
    return bool(path) and "://" in str(path)


def refuse_url(folder: Path | str, what: str) -> None:
    """Refuse a URL for a folder that is written to: writing needs POSIX renames and fsync.

    Args:
        folder: a path, or a URL, also as `pathlib` changes one: gs:/bucket for gs://bucket.
        what: how messages name the folder: "the root".

    Raises:
        ConfigError: it is a URL.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", str(folder)):
        raise ConfigError(
            f"{what} cannot be a URL",
            expected="a folder of a POSIX file system, on this machine or mounted",
            got=folder,
            follows="nothing ran",
            remedy="mount the bucket, or choose a local folder; only ingest.path may be a URL",
        )


def resolve_input_path(path: str | None, beam_args: tuple[str, ...] = ()) -> InputPath:
    """Return the path that `ingest.path` names; a local one absolute, the same for every worker."""
    if path and is_url(path):
        return RemotePath(path.rstrip("/"), beam_args)
    return Path(path or "").expanduser().absolute()


def list_stamps(url: str, beam_args: tuple[str, ...] = ()) -> dict[str, str]:
    """List the files at or under a URL, except hidden ones: URL → stamp.

    A stamp changes when the file does: its size and time of change, or its checksum where the file
    system keeps no times. No file is read. A URL that does not exist has no files.

    Raises:
        ConfigError: no file system supports the URL.
        EnvironmentTrouble: it cannot be listed: permission, network.
    """
    root = RemotePath(url.rstrip("/"), beam_args)
    files = _file_system(root)
    try:
        return {file.path: _stamp(files, file) for file in _files(files, root.url)}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise EnvironmentTrouble(
            f"{url} cannot be listed",
            got=error.strerror or summarize_error(error),
            follows="nothing ran",
            remedy="fix the permissions or the network, then run the same command again",
        ) from error


def _files(files: FileSystem, root: str) -> list[FileMetadata]:
    try:
        matches = _match(files, f"{root}/**") or _match(files, root)
    except PermissionError:
        raise
    except OSError:
        matches = _match(files, root) if files.has_dirs() else []  # HDFS refuses to list a file
        if not matches:
            raise
    return [file for file in matches if "/." not in file.path.removeprefix(root)]


def _stamp(files: FileSystem, file: FileMetadata) -> str:
    with _translate_client_errors(file.path):
        changed = file.last_updated_in_seconds or files.checksum(file.path)
    return f"{file.size_in_bytes} bytes of {changed}"


def _match(files: FileSystem, pattern: str) -> list[FileMetadata]:
    """Return the files that match, without the empty objects that mark folders in some stores."""
    with _translate_client_errors(pattern):
        matches = files.match([pattern])[0].metadata_list
    return sorted((file for file in matches if file.path[-1] != "/"), key=lambda file: file.path)


@functools.cache
def _options(beam_args: tuple[str, ...]) -> PipelineOptions:
    from apache_beam.options.pipeline_options import PipelineOptions

    return PipelineOptions(list(beam_args))


def _file_system(path: RemotePath) -> FileSystem:
    from apache_beam.io.filesystem import FileSystem
    from apache_beam.io.filesystems import FileSystems

    if path.beam_args:
        FileSystems.set_options(_options(path.beam_args))
    try:
        return FileSystems.get_filesystem(path.url)
    except Exception as error:  # unknown scheme, missing library or missing flag
        schemes = sorted({s for kind in FileSystem.get_all_subclasses() if (s := kind.scheme())})
        raise ConfigError(
            f"Beam has no file system for {path}",
            expected="a local path, or a URL that begins with "
            + ", ".join(f"{scheme}://" for scheme in schemes),
            got=summarize_error(next(_list_causes(error))),
            follows="nothing ran",
            remedy="fix ingest.path, or install the file system's extra of Beam: apache-beam[gcp], "
            "[aws], [azure] or [hadoop]",
        ) from error


@contextmanager
def _translate_client_errors(url: str) -> Iterator[None]:
    """Raise any error of a storage client as the OSError that a local file would raise."""
    try:
        yield
    except Exception as error:  # each client has exceptions of its own
        causes = list(_list_causes(error))
        for cause in causes:
            if isinstance(cause, OSError) and cause.errno:
                raise OSError(cause.errno, cause.strerror, url) from error
            for attribute in ("code", "status_code", "exception"):
                if number := _ERRNOS.get(getattr(cause, attribute, None)):
                    raise OSError(number, summarize_error(cause), url) from error
        raise OSError(errno.EIO, summarize_error(causes[0]), url) from error


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors that an error of Beam wraps, innermost first, then the error itself."""
    for inner in (getattr(error, "exception_details", None) or {}).values():
        if isinstance(inner, BaseException):
            yield from _list_causes(inner)
    if error.__cause__:
        yield from _list_causes(error.__cause__)
    yield error
