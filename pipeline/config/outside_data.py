"""Find the files that a step reads outside the root, and record their state without reading them.

Files are those that the component names (`ingest.path`, a model to begin with), and those that a
string in a table of the config leads to, such as one of `ingest.options` or `train.model_options`:
a path with a slash, absolute, or relative to the working folder or to the step's own module.
Besides, a source may return a stamp of its data.
"""

from __future__ import annotations

import importlib.util
import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields
from itertools import compress
from pathlib import Path
from typing import Any

from data.code.import_path import OUR_PACKAGES
from data.files.file_states import describe_stat, folder_state, translate_read_errors
from data.files.input_files import is_url, list_stamps
from data.spans.patterns import is_pattern
from pipeline.config.graph import Step


@dataclass(frozen=True, kw_only=True)
class OutsideData:
    """The state of what a step reads outside the root, at one moment."""

    files: Mapping[str, str] = field(default_factory=dict)  # path of a file → size and times
    listed: Mapping[str, str] = field(default_factory=dict)  # folder or URL → state of its files
    stamp: str | None = None  # the source's own stamp of its data

    @property
    def named(self) -> Iterator[Path]:
        """The paths of all that lies on this machine."""
        return (Path(name) for name in (*self.files, *self.listed) if not is_url(name))


def inspect(
    step: Step,
    beam_args: tuple[str, ...] = (),
    *,
    named: Collection[Path] | None = None,
    leave_out: Collection[Path] = (),
) -> OutsideData:
    """Record the state of a step's outside data now.

    Args:
        step: of a pipeline.
        beam_args: Beam's flags, for its file systems.
        named: paths besides those that the component names; None: those that its tables name.
        leave_out: files and folders that are skipped in a folder that counts.

    Raises:
        ConfigError: no file system handles a URL, or the source cannot be made.
        EnvironmentTrouble: a file or folder cannot be accessed.
    """
    depends, ask = step.depends(), get_stamp_function(step, beam_args)
    files = _without(depends.files, leave_out)
    others = find_named_paths(step) if named is None else named
    states, listed = {}, {}
    name = ""
    with translate_read_errors(lambda: name):
        for name in dict.fromkeys(map(str, (*files, *others))):
            status = os.stat(name)
            if stat.S_ISDIR(status.st_mode):
                listed[name] = folder_state(Path(name), leave_out)
            else:
                states[name] = describe_stat(status)
    for url in depends.urls:
        listed |= list_stamps(url, beam_args)
    return OutsideData(files=states, listed=listed, stamp=ask() if ask else None)


def _without(files: Collection[Path | str], leave_out: Collection[Path]) -> list[str]:
    """Drop the files below what is left out, unless all of them lie there."""
    prefixes = tuple(f"{path}/" for path in leave_out)
    names = [str(file) for file in files]  # text, which is fast: there may be many files
    absolute = (n if n[0] == "/" and "/." not in n else os.path.abspath(n) for n in names)
    kept = [not f"{path}/".startswith(prefixes) for path in absolute]
    return list(compress(names, kept)) or names


def find_unseen(step: Step) -> tuple[str, ...]:
    """Find what the step reads and no check can see: its own source's import path, or URLs.

    Data of a source with a `stamp()` counts as seen.
    """
    if _is_of_spans(step) or get_stamp_function(step, ()) is not None:
        return ()
    urls = tuple(text for text in _texts(_tables(step)) if is_url(text))
    if urls or step.inputs or (reader := _find_own_reader(step)) is None:
        return urls
    depends = step.depends()
    return () if depends.files or depends.urls or find_named_paths(step) else (reader,)


def _find_own_reader(step: Step) -> str | None:
    """Find the import path of the user's code that reads data and has no stamp."""
    source = getattr(step.config, "source", None)
    if isinstance(source, str) and ":" in source:
        return source
    is_ours = step.component.partition(".")[0] in OUR_PACKAGES
    return None if is_ours or hasattr(step.load(), "depends") else step.component


def get_stamp_function(step: Step, beam_args: tuple[str, ...]) -> Callable[[], str] | None:
    """Get the function that returns the source's stamp; None where there is none."""
    hook = None if _is_of_spans(step) else getattr(step.load(), "stamp", None)
    ask: Callable[[], str] | None = hook(step.config, beam_args) if hook else None
    return ask


def _is_of_spans(step: Step) -> bool:
    """Whether its path is a pattern, so that each span has a source of its own."""
    return is_pattern(getattr(step.config, "path", None))


def find_named_paths(step: Step) -> list[Path]:
    """Find the files and folders that strings in the config's tables lead to."""
    texts = [text for text in _texts(_tables(step)) if "/" in text and not is_url(text)]
    if not texts:
        return []
    folders = list(_base_folders(step))
    candidates = (Path(base, os.path.expanduser(text)) for text in texts for base in folders)
    paths = (p for p in candidates if os.path.isfile(p) or os.path.isdir(p))
    return list(dict.fromkeys(p for p in paths if p.resolve() != Path(p.anchor)))


def _tables(step: Step) -> list[Mapping[str, Any]]:
    values = (getattr(step.config, f.name) for f in fields(step.config))
    return [value for value in values if isinstance(value, Mapping)]


def _texts(plain: Any) -> Iterator[str]:
    """Yield the strings in nested tables and lists, keys included."""
    if isinstance(plain, str):
        yield plain
    elif isinstance(plain, Mapping):
        for key, value in plain.items():
            yield from _texts(key)
            yield from _texts(value)
    elif isinstance(plain, list | tuple):
        for value in plain:
            yield from _texts(value)


def _base_folders(step: Step) -> Iterator[Path]:
    """Yield the folders that a relative path may start from: here, and the step's modules'."""
    yield Path.cwd()
    for module in step.modules():
        top, *inner = module.partition(":")[0].split(".")
        for folder in () if top in OUR_PACKAGES else _module_folders(top):
            yield folder
            for name in inner:
                yield (folder := folder / name)


def _module_folders(top: str) -> list[Path]:
    """List the folders of a top-level module; of a package also the folder that holds it."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # a notebook's own
        return []
    if spec is None:
        return []
    packages = [Path(folder) for folder in spec.submodule_search_locations or ()]
    beside = [Path(spec.origin).parent] if spec.origin and not packages else []
    return [*beside, *(folder.parent for folder in packages), *packages]
