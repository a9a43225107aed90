"""What a step has imported: held against what its plan looked at, and looked at by the next plan.

A plan finds code by reading it. What is imported by a name that is known at run time alone is seen
when the step has run; its manifest has those modules, as `imported`.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType

from data.code.first_party import Code, short_name, users_file
from data.code.loaded_modules import (
    asked_by,
    asked_for,
    digest_in_memory,
    file_of,
    reloaded_since,
    told_by_workers,
)
from data.errors import EnvironmentTrouble
from pipeline.config.graph import Step
from pipeline.planning.plugins import installed_version, loaded_plugins

_DEPTH = 3  # of containers in a module's global names, such as a registry of functions
_WIDTH = 1000  # of each of them
_DISTRIBUTION = "distribution "  # before the name of one in `imported`, whose value is its version


def describe_changed_code(imported: Mapping[str, str], code: Code) -> list[str]:
    """Which modules of a manifest's `imported` are others now, a phrase each."""
    phrases = []
    for name, digest in imported.items():
        if name.startswith(_DISTRIBUTION):
            distribution = name.removeprefix(_DISTRIBUTION)
            version = installed_version(distribution)
            if version != digest:
                phrases.append(f"{distribution} {digest} → {version or 'nothing'}")
            continue
        path = Path(name) if name.startswith("/") else code.file(name)
        if path is None or not path.is_file():
            phrases.append(f"code {name} is gone")
        elif code.digest(path) != digest:
            phrases.append(f"code {name if name.startswith('/') else short_name(name, path)}")
    return phrases


@contextlib.contextmanager
def watch_imports(step: Step, looked_at: Mapping[str, str]) -> Iterator[Imports]:
    """Watch what is imported while the step runs in the block.

    Args:
        step: which.
        looked_at: `code` of the parts that its fingerprint is made of.

    Raises:
        EnvironmentTrouble: a module of the step's was loaded before its file changed.
    """
    with asked_for() as asked, told_by_workers() as told:
        yield Imports(step, looked_at, asked, told)


class Imports:
    """The imports of a step, in this process and in workers of its own."""

    def __init__(
        self,
        step: Step,
        looked_at: Mapping[str, str],
        asked: set[str],
        told: Mapping[str, str],
    ) -> None:
        self._step = step
        self._looked_at = looked_at
        self._asked = asked
        self._told = told
        self._before = set(sys.modules)
        code = Code()
        self._stale = {name for name in self._before if _is_stale(name, code)}
        closure = code.of(step.modules())
        self._libraries = closure.libraries
        self._hold(closure.names, code)

    def digests(self) -> dict[str, str]:
        """Of all code that the step imported and the plan could not foresee, by module.

        Raises:
            EnvironmentTrouble: what was imported is not what the plan looked at.
        """
        code = Code()
        names = self._names(code)
        self._hold(names, code)
        found = {}
        for name in sorted(names):
            file = users_file(name)
            if file and not self._foreseen(name, file):
                known = code.file(name) is not None or not Path(file).is_file()
                found[name if known else file] = digest_in_memory(name, sys.modules[name]) or ""
        return found | self._of_workers(code) | self._plugins(names)

    def _plugins(self, names: Iterable[str]) -> dict[str, str]:
        """Of installed distributions that the plan could not foresee, the versions."""
        asked = {other for name in names if users_file(name) for other in asked_by(name)}
        found = loaded_plugins(asked, self._asked, self._libraries)
        return {_DISTRIBUTION + name: version for name, version in sorted(found.items())}

    def _of_workers(self, code: Code) -> dict[str, str]:
        """Of what workers elsewhere have imported that which the plan could not foresee."""
        found = {}
        for name, digest in sorted(self._told.items()):
            file = code.file(name)
            if file is None:
                continue  # the worker's alone
            looked_at = self._looked_at.get(short_name(name, file))
            if looked_at is None:
                found[name] = digest
            elif looked_at != digest:
                raise self._refusal(f"{file} is not what a worker imported: it has changed since")
        return found

    def _names(self, code: Code) -> set[str]:
        """Of all modules that the step rests on, as far as can be seen from here."""
        asked = {*sys.modules} - self._before | self._asked
        late = [name for name in asked if users_file(name) and code.file(name)]
        modules, names = self._step.modules(), set[str]()
        todo: Iterable[str] = [*modules, *late]
        while todo:
            fresh = code.of(todo, named=modules).names - names
            names |= fresh
            todo = {other for name in fresh for other in _references(name)} - names
        return names

    def _hold(self, names: Iterable[str], code: Code) -> None:
        """Raise where a module in memory is another than the file that the plan looked at."""
        for name in sorted(names):
            module = sys.modules.get(name)
            file = file_of(module) if isinstance(module, ModuleType) else None
            if module is None or file is None:
                continue
            looked_at = self._looked_at.get(short_name(name, Path(file)))
            if looked_at is None:
                other = name in self._stale
            else:
                other = digest_in_memory(name, module) != looked_at
            if other:
                raise self._refusal(f"{file} is not what was imported: it has changed since")
            for imported in code.imports(name) if users_file(name) or looked_at else ():
                if reloaded_since(imported, name):
                    raise self._refusal(f"{file} was imported before {imported} was reloaded")

    def _foreseen(self, name: str, file: str) -> bool:
        return short_name(name, Path(file)) in self._looked_at

    def _refusal(self, what: str) -> EnvironmentTrouble:
        return EnvironmentTrouble(
            what,
            expected=f"step {self._step.name!r} to run the code that the plan looked at",
            got="other code in memory",
            follows="nothing was sealed",
            remedy="run the same command again; in a notebook, restart the kernel or reload the "
            "module first",
        )


def _is_stale(name: str, code: Code) -> bool:
    """Whether a module of the user's in memory is not what its file has now."""
    file = users_file(name)
    if not file:
        return False
    path = Path(file)
    return not path.is_file() or digest_in_memory(name, sys.modules[name]) != code.digest(path)


def _references(name: str) -> set[str]:
    """The modules that a user's module has asked for, or that its global names lead to."""
    if not users_file(name):
        return set()
    found = asked_by(name)
    own = [value for key, value in vars(sys.modules[name]).items() if not key.startswith("__")]
    todo: list[tuple[object, int]] = [(own, _DEPTH)]
    while todo:
        value, depth = todo.pop()
        if isinstance(value, dict | list | tuple | set | frozenset):
            inner = value.values() if isinstance(value, dict) else value
            todo += [(one, depth - 1) for one in itertools.islice(inner, _WIDTH) if depth]
        elif isinstance(value, ModuleType):
            found.add(str(vars(value).get("__name__")))
        else:
            owner = value if isinstance(value, FunctionType | type) else type(value)
            found.add(str(owner.__module__))
    return {other for other in found if users_file(other)}
