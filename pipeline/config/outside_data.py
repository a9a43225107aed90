"""What a step reads that lies outside the root: how it stands, and what nobody can look at.

Nothing is read for it. Files are those that the component names (`ingest.path`, a model to begin
with), and whatever a string in a table of the config leads to, such as one of `ingest.options` or
`train.model_options`: a path with a slash, absolute, or relative to the working folder or to the
step's own module. Besides, a source may say what its data is.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from data.code.import_path import OUR_PACKAGES
from data.files.file_states import file_state, folder_state, read_trouble
from data.files.input_files import is_url, stamps
from data.spans.patterns import is_pattern
from pipeline.config.graph import Step


@dataclass(frozen=True, kw_only=True)
class OutsideData:
    """What a step reads outside the root, as it stood when somebody looked."""

    files: Mapping[str, str] = field(default_factory=dict)  # path of a file → size and times
    listed: Mapping[str, str] = field(default_factory=dict)  # folder or URL → how its files stand
    stamp: str | None = None  # what the source says of its data

    @property
    def named(self) -> Iterator[Path]:
        """All of it that has a path here."""
        return (Path(name) for name in (*self.files, *self.listed) if not is_url(name))


def inspect(
    step: Step,
    beam_args: tuple[str, ...] = (),
    *,
    named: Collection[Path] | None = None,
    leave_out: Collection[Path] = (),
) -> OutsideData:
    """How the step's outside data stands now.

    Args:
        step: of a pipeline.
        beam_args: Beam's flags, for its file systems.
        named: what to look at besides what the component names; None: what its tables name.
        leave_out: files and folders that do not count where they lie in a folder that does.

    Raises:
        ConfigError: no file system knows a URL, or the source cannot be made.
        EnvironmentTrouble: something cannot be looked at.
    """
    depends, ask = step.depends(), get_stamp_function(step, beam_args)
    files = _without(depends.files, leave_out)
    paths = dict.fromkeys([*files, *(find_named_paths(step) if named is None else named)])
    folders = [path for path in paths if path.is_dir()]
    listed = {str(path): _state(path, lambda p: folder_state(p, leave_out)) for path in folders}
    for url in depends.urls:
        listed |= stamps(url, beam_args)
    return OutsideData(
        files={str(path): _state(path, file_state) for path in paths if str(path) not in listed},
        listed=listed,
        stamp=ask() if ask else None,
    )


def _without(files: Collection[Path], leave_out: Collection[Path]) -> Collection[Path]:
    """The files but for those below what is left out, unless all of them lie there."""
    begins = tuple(f"{path}/" for path in leave_out)  # as text: there may be many files
    return [file for file in files if not f"{os.path.abspath(file)}/".startswith(begins)] or files


def _state(path: Path, state: Callable[[Path], str]) -> str:
    with read_trouble(path):
        return state(path)


def find_unseen(step: Step) -> tuple[str, ...]:
    """What the step reads that nobody can look at: its own source's import path, or URLs.

    A source that says what its data is, by `stamp()`, is taken at its word.
    """
    if _is_of_spans(step) or get_stamp_function(step, ()) is not None:
        return ()
    urls = tuple(text for text in _texts(_tables(step)) if is_url(text))
    if urls or step.inputs or (own := _own_reader(step)) is None:
        return urls
    depends = step.depends()
    return () if depends.files or depends.urls or find_named_paths(step) else (own,)


def _own_reader(step: Step) -> str | None:
    """The import path of the user's code that reads data, if it says nothing of it by itself."""
    source = getattr(step.config, "source", None)
    if isinstance(source, str) and ":" in source:
        return source
    is_ours = step.component.partition(".")[0] in OUR_PACKAGES
    return None if is_ours or hasattr(step.load(), "depends") else step.component


def get_stamp_function(step: Step, beam_args: tuple[str, ...]) -> Callable[[], str] | None:
    """What asks the step's source for its word; None where it gives none."""
    hook = None if _is_of_spans(step) else getattr(step.load(), "stamp", None)
    ask: Callable[[], str] | None = hook(step.config, beam_args) if hook else None
    return ask


def _is_of_spans(step: Step) -> bool:
    """Whether its path is a pattern: one source then reads each span."""
    return is_pattern(getattr(step.config, "path", None))


def find_named_paths(step: Step) -> list[Path]:
    """The files and folders that the strings in the config's tables lead to."""
    texts = [text for text in _texts(_tables(step)) if "/" in text and not is_url(text)]
    if not texts:
        return []
    places = list(_places(step))
    candidates = (Path(place, os.path.expanduser(text)) for text in texts for place in places)
    found = (p for p in candidates if os.path.isfile(p) or os.path.isdir(p))
    return list(dict.fromkeys(p for p in found if p.resolve() != Path(p.anchor)))


def _tables(step: Step) -> list[Mapping[str, Any]]:
    values = (getattr(step.config, f.name) for f in fields(step.config))
    return [value for value in values if isinstance(value, Mapping)]


def _texts(plain: Any) -> Iterator[str]:
    """The strings in nested tables and lists, keys included."""
    if isinstance(plain, str):
        yield plain
    elif isinstance(plain, Mapping):
        for key, value in plain.items():
            yield from _texts(key)
            yield from _texts(value)
    elif isinstance(plain, list | tuple):
        for value in plain:
            yield from _texts(value)


def _places(step: Step) -> Iterator[Path]:
    """Where a relative path may count from: the working folder, and those of the step's modules."""
    yield Path.cwd()
    for module in (step.component, *step.depends().modules):
        top, *inner = module.partition(":")[0].split(".")
        for folder in () if top in OUR_PACKAGES else _folders(top):
            yield folder
            for name in inner:
                yield (folder := folder / name)


def _folders(top: str) -> list[Path]:
    """The folders of a top-level module, and of a package that which holds it."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # a notebook's own
        return []
    if spec is None:
        return []
    packages = [Path(place) for place in spec.submodule_search_locations or ()]
    beside = [Path(spec.origin).parent] if spec.origin and not packages else []
    return [*beside, *(folder.parent for folder in packages), *packages]
