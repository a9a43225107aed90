"""Name what the images of a config depend on: the source's module, its files, its URLs."""

from __future__ import annotations

from pathlib import Path

from components.context import Depends
from components.ingest.config import Config
from data.code.import_path import resolve_import_path
from data.errors import EnvironmentTrouble
from data.files.file_tree import walk
from data.files.input_files import is_url
from data.sources import NAMES


def depends(config: Config) -> Depends:
    """Name the module of the source, and its files: `path`, or all files under it but hidden ones.

    The images of a table are the files under `images`, or else those beside the table. TensorFlow
    Datasets writes `data_dir` itself; your own source may read input files there.

    Raises:
        BadDataError: one of the files is a link that leads nowhere.
        EnvironmentTrouble: a folder cannot be listed.
    """
    module = resolve_import_path(config.source, NAMES, "source").partition(":")[0]
    folder = Path(config.data_dir or "").expanduser()
    own = (folder,) if config.data_dir and config.source not in NAMES and folder.exists() else ()
    paths = [config.path, _images_folder(config)]
    urls = tuple(path for path in paths if path and is_url(path))
    files = [file for path in paths if path and not is_url(path) for file in _list_files(path)]
    return Depends(modules=(module,), files=(*dict.fromkeys(files), *own), urls=urls)


def _images_folder(config: Config) -> str | None:
    """Return the folder or URL with the images of a table; None for another source."""
    if config.source != "table" or not config.path:
        return config.images
    if config.images:
        return config.images
    folder, slash, _ = config.path.rpartition("/")
    return folder or slash or "."


def _list_files(path: str) -> list[Path]:
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
