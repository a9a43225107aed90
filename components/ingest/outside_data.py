"""Name what the images of a config depend on: the source's module, its files, its URLs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from components.context import Depends
from components.ingest.config import Config
from data.code.import_path import resolve_import_path
from data.errors import EnvironmentTrouble
from data.files.file_tree import walk
from data.files.input_files import is_url
from data.sources import NAMES
from data.sources.image_files.input_files import SOURCES, list_input_files, list_input_urls


def modules(config: Config) -> tuple[str, ...]:
    """Name the module of the source."""
    return (resolve_import_path(config.source, NAMES, "source").partition(":")[0],)


def depends(config: Config) -> Depends:
    """Name the module of the source, and its files: `path`, or all files under it but hidden ones.

    The images of a table are the files under `images`, or else the folders beside the table that
    its rows name. TensorFlow Datasets writes `data_dir` itself; your own source may read input
    files there.

    Raises:
        BadDataError: one of the files is a link that leads nowhere, or a table is invalid.
        EnvironmentTrouble: a folder cannot be listed.
    """
    folder = Path(config.data_dir or "").expanduser()
    own = (folder,) if config.data_dir and config.source not in NAMES and folder.exists() else ()
    source = config.source_config(())
    urls = list_input_urls(config.source, source)
    files: Sequence[Path | str] = (
        list_input_files(config.source, source)
        if config.source in SOURCES
        else _list_files(config.path)
    )
    return Depends(modules=modules(config), files=(*files, *own), urls=urls)


def _list_files(path: str | None) -> list[Path]:
    if not path or is_url(path):
        return []
    try:
        return [Path(file.path) for file in walk(Path(path).expanduser(), hidden=False)]
    except (FileNotFoundError, NotADirectoryError):  # the source reports what is missing
        return []
    except OSError as error:
        raise EnvironmentTrouble(
            f"{error.filename} cannot be read",
            expected="a file or a folder that this user may read",
            got=error.strerror,
            remedy="give this user the right to read it, or move it out of the folder",
        ) from error
