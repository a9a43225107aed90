"""Record which source each module was loaded from, since its file may change afterwards.

Importing this module inserts an import hook before all others. It records each file right before it
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
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

_bootstrap: Any = importlib._bootstrap  # the implementation of `import_module`
_STANDARD = os.path.dirname(os.__file__) + os.sep


class _Load(NamedTuple):
    """One load of a module; an installed module has no digest."""

    file: str
    at: int  # nanoseconds since the epoch
    digest: str | None
    is_reload: bool  # by `importlib.reload`


_loads: defaultdict[str, list[_Load]] = defaultdict(list)  # by module, the newest last
_watchers: list[set[str]] = []  # one for each open `watch_requested_imports`
_worker_imports: list[dict[str, str]] = []  # one for each open `collect_worker_imports`
_requested: defaultdict[str, set[str]] = defaultdict(set)  # requesting module → requested names


def is_installed(file: str) -> bool:
    """Return whether a file is in a folder of installed packages."""
    return f"{os.sep}site-packages{os.sep}" in file or f"{os.sep}dist-packages{os.sep}" in file


def is_first_party_file(file: str) -> bool:
    """Return whether a file is neither installed, nor part of Python, nor made by TensorFlow.

    TensorFlow's AutoGraph writes the functions that it compiles to files with random names in the
    temporary folder, which may be the working folder or on `sys.path`.
    """
    if is_installed(file) or file.startswith(_STANDARD):
        return False
    return not os.path.basename(file).startswith("__autograph_generated_file")


_invalidating = threading.Lock()


def invalidate_import_caches() -> None:
    """Let Python find modules that were written since it last looked into their folders.

    Python's own function fails with a KeyError where two threads, such as runs, call it at once.
    """
    with _invalidating:
        importlib.invalidate_caches()


def digest_source(content: bytes) -> str:
    """Digest a source text to 16 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()[:16]


class Recorder:
    """An import hook that returns what later finders return, and records the file to be read."""

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
                _record(name, archive or spec.origin, is_reload=target is not None)
            return spec
        return None


def _record(name: str, file: str, *, is_reload: bool) -> None:
    digest = _digest_file(file) if is_first_party_file(file) else None
    _loads[name].append(_Load(file, time.time_ns(), digest, is_reload))


def _digest_file(file: str) -> str | None:
    try:
        return digest_source(Path(file).read_bytes())
    except OSError:
        return None


def get_module_file(module: ModuleType) -> str | None:
    """Return the file or archive of a loaded module; None for a namespace or built-in module.

    It reads no attribute, which would load a lazy module.
    """
    archive = getattr(vars(module).get("__loader__"), "archive", None)
    file = archive or vars(module).get("__file__")
    return file if isinstance(file, str) else None


def digest_loaded_source(name: str, module: ModuleType) -> str | None:
    """Digest the source that a module was loaded from; None where it is no longer known.

    It is unknown for a module that was loaded before the import hook, and whose file has changed
    since the process began.
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
    return _digest_file(file) if unchanged else None


def was_reloaded_since(name: str, importer: str) -> bool:
    """Return whether a module was reloaded with other code after its importer was loaded."""
    loads, importers = _loads.get(name, ()), _loads.get(importer)
    since = importers[-1].at if importers else 0
    return any(
        load.is_reload and load.at > since and (load.digest is None or load.digest != before.digest)
        for before, load in itertools.pairwise(loads)
    )


@contextlib.contextmanager
def watch_requested_imports() -> Iterator[set[str]]:
    """Collect the names that any code passes to `importlib.import_module` in the block."""
    names: set[str] = set()
    _watchers.append(names)
    try:
        yield names
    finally:
        _watchers[:] = [other for other in _watchers if other is not names]


@contextlib.contextmanager
def collect_worker_imports() -> Iterator[dict[str, str]]:
    """Collect what `record_worker_imports` gets in the block: module → digest of its source."""
    imports: dict[str, str] = {}
    _worker_imports.append(imports)
    try:
        yield imports
    finally:
        _worker_imports[:] = [other for other in _worker_imports if other is not imports]


def record_worker_imports(imported: Mapping[str, str]) -> None:
    """Record the user modules that workers imported: module → digest of its source."""
    for imports in _worker_imports:
        imports.update(imported)


def get_requested_imports(name: str) -> set[str]:
    """Return the names that a module has passed to `importlib.import_module` so far."""
    return set(_requested.get(name, ()))


def _hook_import_module() -> None:
    """Hook the implementation of `import_module`, which all callers and plugins use."""
    find = _bootstrap._gcd_import

    @functools.wraps(find)
    def import_and_record(name: str, package: str | None = None, level: int = 0) -> Any:
        module = find(name, package, level)
        full = importlib.util.resolve_name("." * level + name, package) if level else name
        _requested[_find_caller()].add(full)
        for names in _watchers:
            names.add(full)
        return module

    _bootstrap._gcd_import = import_and_record


def _find_caller() -> str:
    """Return the module whose code called `importlib`."""
    frame = sys._getframe(2)
    while frame.f_back and str(frame.f_globals.get("__name__")).partition(".")[0] == "importlib":
        frame = frame.f_back
    return str(frame.f_globals.get("__name__"))


def _record_loaded() -> None:
    """Record the modules that were loaded before the import hook, as far as possible."""
    for name, module in list(sys.modules.items()):
        file = get_module_file(module) if isinstance(module, ModuleType) else None
        if file and is_first_party_file(file) and (digest := digest_loaded_source(name, module)):
            _loads[name].append(_Load(file, _process_start(), digest, is_reload=False))


@functools.cache
def _process_start() -> int:
    """Return when the process began, in nanoseconds since the epoch; about now if unknown."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        since_boot = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot
    except (OSError, AttributeError, ValueError, IndexError):
        age = time.process_time()
    return time.time_ns() - int(age * 1e9)


if not any(finder is Recorder for finder in sys.meta_path):
    sys.meta_path.insert(0, Recorder)
    _hook_import_module()
    _record_loaded()
