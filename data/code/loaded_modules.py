"""What the modules in memory were loaded from: a file may have changed since, a module does not.

Importing this module puts a finder before all others, which takes note of each file right before it
is read, by `import` and by `importlib.reload` alike.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import itertools
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

_bootstrap: Any = importlib._bootstrap  # what `import_module` calls
_STANDARD = os.path.dirname(os.__file__) + os.sep


class _Load(NamedTuple):
    """A module's content as it was read; of an installed one only the time is known."""

    file: str
    at: int  # nanoseconds since the epoch
    digest: str | None
    again: bool  # by `importlib.reload`


_loads: defaultdict[str, list[_Load]] = defaultdict(list)  # by module, the newest last
_listeners: list[set[str]] = []
_told: list[dict[str, str]] = []
_asked: defaultdict[str, set[str]] = defaultdict(set)  # by whom -> for what


def is_installed(file: str) -> bool:
    """Whether a file lies where packages are installed."""
    return f"{os.sep}site-packages{os.sep}" in file or f"{os.sep}dist-packages{os.sep}" in file


def is_first_party_file(file: str) -> bool:
    """Whether a file is neither installed nor Python's."""
    return not is_installed(file) and not file.startswith(_STANDARD)


def digest_source(content: bytes) -> str:
    """Sixteen hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()[:16]


class Recorder:
    """Answers as the finders after it do, and takes note of the file that is to be read."""

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        for finder in sys.meta_path[sys.meta_path.index(cls) + 1 :]:
            spec = finder.find_spec(name, path, target)
            if spec is None:
                continue
            if spec.has_location and spec.origin:
                archive = getattr(spec.loader, "archive", None)
                _record(name, archive or spec.origin, again=target is not None)
            return spec
        return None


def _record(name: str, file: str, *, again: bool) -> None:
    digest = _digest(file) if is_first_party_file(file) else None
    _loads[name].append(_Load(file, time.time_ns(), digest, again))


def _digest(file: str) -> str | None:
    try:
        return digest_source(Path(file).read_bytes())
    except OSError:
        return None


def get_module_file(module: ModuleType) -> str | None:
    """The file or archive that a module was loaded from; None of a namespace or what is built in.

    An attribute is not asked for: a lazy module would be loaded.
    """
    archive = getattr(vars(module).get("__loader__"), "archive", None)
    file = archive or vars(module).get("__file__")
    return file if isinstance(file, str) else None


def digest_loaded_source(name: str, module: ModuleType) -> str | None:
    """Of the source that the module was made of; None where it cannot be known any more.

    That is of a module that was loaded before this one, and whose file has changed since the
    process began.
    """
    file = get_module_file(module)
    if file is None:
        return None
    loads = _loads.get(name)
    load = loads[-1] if loads and loads[-1].file == file else None
    if load is not None and load.digest is not None:
        return load.digest
    try:
        stat = os.stat(file)
    except OSError:
        return None
    unchanged = max(stat.st_mtime_ns, stat.st_ctime_ns) < (load.at if load else _process_start())
    return _digest(file) if unchanged else None


def was_reloaded_since(name: str, importer: str) -> bool:
    """Whether a module was loaded again, to other code, after one that imports it was loaded."""
    loads, importers = _loads.get(name, ()), _loads.get(importer)
    since = importers[-1].at if importers else 0
    return any(
        load.again and load.at > since and (load.digest is None or load.digest != before.digest)
        for before, load in itertools.pairwise(loads)
    )


@contextlib.contextmanager
def watch_requested_imports() -> Iterator[set[str]]:
    """The names that `importlib.import_module` is asked for in the block, by whomever."""
    names: set[str] = set()
    _listeners.append(names)
    try:
        yield names
    finally:
        _listeners[:] = [other for other in _listeners if other is not names]


@contextlib.contextmanager
def collect_worker_imports() -> Iterator[dict[str, str]]:
    """What `record_worker_imports` says in the block: module -> digest of its source."""
    told: dict[str, str] = {}
    _told.append(told)
    try:
        yield told
    finally:
        _told[:] = [other for other in _told if other is not told]


def record_worker_imports(imported: Mapping[str, str]) -> None:
    """Say what modules of the user's processes elsewhere have imported, and from what source."""
    for told in _told:
        told.update(imported)


def get_requested_imports(name: str) -> set[str]:
    """The names that a module has asked `importlib.import_module` for, as long as it is loaded."""
    return set(_asked.get(name, ()))


def _listen() -> None:
    """`import_module` goes through here even where it was imported by its name; so do plugins."""
    find = _bootstrap._gcd_import

    @functools.wraps(find)
    def told(name: str, package: str | None = None, level: int = 0) -> Any:
        module = find(name, package, level)
        full = importlib.util.resolve_name("." * level + name, package) if level else name
        _asked[_caller()].add(full)
        for names in _listeners:
            names.add(full)
        return module

    _bootstrap._gcd_import = told


def _caller() -> str:
    """The module whose code has called `importlib`."""
    frame = sys._getframe(2)
    while frame.f_back and str(frame.f_globals.get("__name__")).partition(".")[0] == "importlib":
        frame = frame.f_back
    return str(frame.f_globals.get("__name__"))


def _record_loaded() -> None:
    """What was loaded before there was a recorder, as far as it can be known now."""
    for name, module in list(sys.modules.items()):
        file = get_module_file(module) if isinstance(module, ModuleType) else None
        if file and is_first_party_file(file) and (digest := digest_loaded_source(name, module)):
            _loads[name].append(_Load(file, _process_start(), digest, again=False))


@functools.cache
def _process_start() -> int:
    """When the process began, nanoseconds since the epoch; where that is not told: about now."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        since_boot = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot
    except (OSError, AttributeError, ValueError, IndexError):
        age = time.process_time()
    return time.time_ns() - int(age * 1e9)


if not any(finder is Recorder for finder in sys.meta_path):
    sys.meta_path.insert(0, Recorder)
    _listen()
    _record_loaded()
