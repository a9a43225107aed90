"""Check what a step imports against its plan, and record what the plan could not know.

A plan finds code by reading it. A module whose name is known at run time alone is found when the
step has run: the artifact's manifest lists it under `imported`, and the next plan checks it.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType

from data.code.first_party import Code, get_user_file, short_name
from data.code.loaded_modules import (
    collect_worker_imports,
    digest_loaded_source,
    get_module_file,
    get_requested_imports,
    was_reloaded_since,
    watch_requested_imports,
)
from data.errors import EnvironmentTrouble
from pipeline.config.graph import Step
from pipeline.planning.plugins import find_loaded_plugins, read_installed_version

_DEPTH = 3  # of nested containers that are searched in a module's globals, such as a registry
_WIDTH = 1000  # items that are searched of each
_DISTRIBUTION = "distribution "  # prefix in `imported` of an installed one: name → version


def describe_changed_code(imported: Mapping[str, str], code: Code) -> list[str]:
    """Describe which entries of a manifest's `imported` have changed since, a phrase each."""
    phrases = []
    for name, recorded in imported.items():
        if name.startswith(_DISTRIBUTION):
            distribution = name.removeprefix(_DISTRIBUTION)
            version = read_installed_version(distribution)
            if version != recorded:
                phrases.append(f"{distribution} {recorded} → {version or 'nothing'}")
            continue
        path = Path(name) if name.startswith("/") else code.file(name)
        if path is None or not path.is_file():
            phrases.append(f"code {name} is gone")
        elif code.digest(path) != recorded:
            phrases.append(f"code {name if name.startswith('/') else short_name(name, path)}")
    return phrases


@contextlib.contextmanager
def watch_imports(step: Step, planned: Mapping[str, str]) -> Iterator[Imports]:
    """Watch what is imported in the block, in which the step runs.

    Args:
        step: that runs.
        planned: the code that its fingerprint covers: file → digest.

    Raises:
        EnvironmentTrouble: a module of the step was loaded before its file changed.
    """
    with watch_requested_imports() as requested, collect_worker_imports() as by_workers:
        yield Imports(step, planned, requested, by_workers)


class Imports:
    """The imports of a step, in this process and in workers of its own."""

    def __init__(
        self,
        step: Step,
        planned: Mapping[str, str],
        requested: set[str],
        by_workers: Mapping[str, str],
    ) -> None:
        self._step = step
        self._planned = planned
        self._requested = requested
        self._by_workers = by_workers
        self._before = set(sys.modules)
        code = Code()
        self._stale = {name for name in self._before if _is_stale(name, code)}
        closure = code.find_closure(step.modules())
        self._libraries = closure.libraries
        self._check_loaded(closure.names, code)

    def digests(self) -> dict[str, str]:
        """Digest the code that the step imported and the plan could not know, by module.

        Raises:
            EnvironmentTrouble: imported code differs from the code that the plan covers.
        """
        code = Code()
        names = self._collect_names(code)
        self._check_loaded(names, code)
        digests = {}
        for name in sorted(names):
            file = get_user_file(name)
            if file and short_name(name, Path(file)) not in self._planned:
                findable = code.file(name) is not None or not Path(file).is_file()
                key = name if findable else file
                digests[key] = digest_loaded_source(name, sys.modules[name]) or ""
        return digests | self._digest_workers_imports(code) | self._list_plugins(names)

    def _list_plugins(self, names: Iterable[str]) -> dict[str, str]:
        """List the versions of installed distributions that the plan could not know."""
        by_users = {
            other for name in names if get_user_file(name) for other in get_requested_imports(name)
        }
        versions = find_loaded_plugins(by_users, self._requested, self._libraries)
        return {_DISTRIBUTION + name: version for name, version in sorted(versions.items())}

    def _digest_workers_imports(self, code: Code) -> dict[str, str]:
        """Digest the code that workers elsewhere imported and the plan could not know."""
        digests = {}
        for name, digest in sorted(self._by_workers.items()):
            file = code.file(name)
            if file is None:
                continue  # only the worker has it
            planned = self._planned.get(short_name(name, file))
            if planned is None:
                digests[name] = digest
            elif planned != digest:
                raise self._changed_error(
                    f"{file} is not what a worker imported: it has changed since"
                )
        return digests

    def _collect_names(self, code: Code) -> set[str]:
        """Collect the modules that the step depends on, as far as this process knows them."""
        new = {*sys.modules} - self._before | self._requested
        late = [name for name in new if get_user_file(name) and code.file(name)]
        modules, names = self._step.modules(), set[str]()
        todo: Iterable[str] = [*modules, *late]
        while todo:
            fresh = code.find_closure(todo, named=modules).names - names
            names |= fresh
            todo = {other for name in fresh for other in _find_references(name)} - names
        return names

    def _check_loaded(self, names: Iterable[str], code: Code) -> None:
        """Raise where a module in memory differs from the file that the plan covers."""
        for name in sorted(names):
            module = sys.modules.get(name)
            file = get_module_file(module) if isinstance(module, ModuleType) else None
            if module is None or file is None:
                continue
            planned = self._planned.get(short_name(name, Path(file)))
            if planned is None:
                differs = name in self._stale
            else:
                differs = digest_loaded_source(name, module) != planned
            if differs:
                raise self._changed_error(f"{file} is not what was imported: it has changed since")
            for imported in code.imports(name) if get_user_file(name) or planned else ():
                if was_reloaded_since(imported, name):
                    raise self._changed_error(f"{file} was imported before {imported} was reloaded")

    def _changed_error(self, what: str) -> EnvironmentTrouble:
        return EnvironmentTrouble(
            what,
            expected=f"step {self._step.name!r} runs the code that its plan was made for",
            got="other code in memory",
            follows="the step's result was not kept",
            remedy="run the same command again; in a notebook, restart the kernel or reload the "
            "module first",
        )


def _is_stale(name: str, code: Code) -> bool:
    """Whether a user's module in memory differs from its file now."""
    file = get_user_file(name)
    if not file:
        return False
    path = Path(file)
    return not path.is_file() or digest_loaded_source(name, sys.modules[name]) != code.digest(path)


def _find_references(name: str) -> set[str]:
    """Find the modules that a user's module has requested, or that its globals come from."""
    if not get_user_file(name):
        return set()
    modules = get_requested_imports(name)
    own = [value for key, value in vars(sys.modules[name]).items() if not key.startswith("__")]
    todo: list[tuple[object, int]] = [(own, _DEPTH)]
    while todo:
        value, depth = todo.pop()
        if isinstance(value, dict | list | tuple | set | frozenset):
            inner = value.values() if isinstance(value, dict) else value
            todo += [(item, depth - 1) for item in itertools.islice(inner, _WIDTH) if depth]
        elif isinstance(value, ModuleType):
            modules.add(str(vars(value).get("__name__")))
        else:
            owner = value if isinstance(value, FunctionType | type) else type(value)
            modules.add(str(owner.__module__))
    return {module for module in modules if get_user_file(module)}
