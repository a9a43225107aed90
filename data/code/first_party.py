"""Which modules are the user's and ours, and what they import, found without importing them."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from data.code.distributions import Distributions
from data.code.import_path import OUR_PACKAGES, shadowed_module_error
from data.code.import_statements import COMPUTED, find_imports
from data.code.loaded_modules import (
    Recorder,
    digest_loaded_source,
    digest_source,
    get_module_file,
    is_first_party_file,
    is_installed,
)
from data.errors import ConfigError, EnvironmentTrouble


@dataclass(frozen=True, kw_only=True)
class Closure:
    """What modules rest on.

    Attributes:
        files: of first-party modules and the packages that hold them, by the module's name.
        libraries: the top-level names of all else but the standard library.
        names: all that their imports may mean: modules, and names in them.
        computed: the users' modules that also import by names known at run time alone.
    """

    files: dict[str, Path]
    libraries: list[str]
    names: set[str]
    computed: set[str]


class Code:
    """First-party code as it lies on disk now: good for one look, and remembered by nobody.

    First-party is ours, what belongs to no installed distribution, with or without `__init__.py`,
    and what an import path names even where it is installed; but not what Penstock requires.
    """

    def __init__(self) -> None:
        importlib.invalidate_caches()
        self.distributions = Distributions()
        self._specs: dict[str, ModuleSpec | None] = {}
        self._contents: dict[Path, tuple[str, bytes]] = {}
        self._installed: dict[str, list[bool]] = {}

    def find_closure(self, modules: Iterable[str], named: Collection[str] | None = None) -> Closure:
        """All that the modules import, transitively.

        Args:
            modules: dotted names.
            named: those that import paths name; `modules` if None.

        Raises:
            ConfigError: a module is `__main__`, and has no file; or one of the user's lies in a
                folder called as a package of ours.
            EnvironmentTrouble: a file cannot be read.
        """
        todo, names, computed = list(modules), set[str](), set[str]()
        files, libraries = dict[str, Path](), set[str]()
        tops = {name.partition(".")[0] for name in (todo if named is None else named)}
        if "__main__" in tops:
            _refuse_without_file()
        while todo:
            name = todo.pop()
            top = name.partition(".")[0]
            if name in names or top in sys.stdlib_module_names:
                continue
            names.add(name)
            if self._is_library(name, tops):
                libraries.add(top)
                continue
            todo += [name.rpartition(".")[0]] if top != name else []  # is imported before it
            path = self.file(name)
            if path:
                files[name] = path
                imports = self._imports(name, path)
                if top not in OUR_PACKAGES:
                    self._refuse_shadowed(imports)
                todo += imports - {COMPUTED}
                computed |= {name} if COMPUTED in imports else set()
        if "tensorflow" in libraries:
            libraries.add("keras")  # comes with it, with a version of its own
        return Closure(
            files=dict(sorted(files.items())),
            libraries=sorted(libraries),
            names=names,
            computed=computed,
        )

    def file(self, name: str) -> Path | None:
        """Where a module lies: its source, its library, or the archive that holds it."""
        if name == "__main__":
            file = getattr(sys.modules[name], "__file__", None)
            return Path(file) if file else None
        spec = self._spec(name)
        if spec is None or not spec.has_location or not spec.origin:
            return None
        return Path(getattr(spec.loader, "archive", None) or spec.origin)

    def digest(self, path: Path) -> str:
        """Of a file's content. Raises EnvironmentTrouble where it cannot be read."""
        return self._read(path)[0]

    def digests(self, closure: Closure) -> dict[str, str]:
        """Of all files of a closure, by their short names: the same on every machine.

        Of ours that are in memory, what is in memory: nobody reloads them, so that is what runs.
        """
        return {
            short_name(name, path): _of_ours_in_memory(name) or self.digest(path)
            for name, path in closure.files.items()
        }

    def is_user_code(self, name: str) -> bool:
        """Whether a module is neither ours, nor Python's, nor an installed one, nor unknown."""
        top = name.partition(".")[0]
        known = top in OUR_PACKAGES or top in sys.stdlib_module_names
        return not known and not self._is_library(name, ())

    def _is_library(self, name: str, named: Collection[str]) -> bool:
        top = name.partition(".")[0]
        if top in OUR_PACKAGES:
            return False
        if top not in self._installed:
            self._installed[top] = [is_installed(f"{p}/") for p in self._lies_in(top)]
        installed = self._installed[top]
        if not any(installed):
            return not installed  # unknown: where it comes to be installed, its version counts
        if not all(installed):  # parts of a namespace, each on its own
            path = self.file(name)
            return path is not None and is_installed(str(path)) and top not in named
        if top in named:
            return self.distributions.is_required(top)
        return self.distributions.version(top) is not None

    def _lies_in(self, top: str) -> list[Path | None]:
        path = self.file(top)
        return [path] if path or top == "__main__" else [*self.places(top)]

    def _spec(self, name: str) -> ModuleSpec | None:
        """As Python would find it; but no parent is imported, and what is imported says nothing."""
        if name not in self._specs:
            parent, _, _ = name.rpartition(".")
            if parent:
                package = self._spec(parent)
                places = package.submodule_search_locations if package else None
                self._specs[name] = _spec_in(places, name) if places else None
            else:
                self._specs[name] = _top_spec(name)
        return self._specs[name]

    def imports(self, name: str) -> frozenset[str]:
        """The names that a module's own imports may mean."""
        path = self.file(name)
        return self._imports(name, path) if path else frozenset()

    def places(self, name: str) -> list[Path]:
        """The folders of a package, which are several where it is a namespace."""
        spec = self._spec(name)
        return [Path(place) for place in (spec and spec.submodule_search_locations) or ()]

    def _refuse_shadowed(self, names: Iterable[str]) -> None:
        for name in names:
            if name.partition(".")[0] in OUR_PACKAGES and self.file(name) is None:
                error = shadowed_module_error(name)
                if error:
                    raise error

    def _imports(self, name: str, path: Path) -> frozenset[str]:
        if path.suffix != ".py":
            return frozenset()
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        digest, source = self._read(path)
        calls = name.partition(".")[0] not in OUR_PACKAGES
        return find_imports(digest, source, str(path), package, calls=calls)

    def _read(self, path: Path) -> tuple[str, bytes]:
        if path not in self._contents:
            try:
                content = path.read_bytes()
            except OSError as error:
                raise EnvironmentTrouble(
                    f"{path}, which is imported, cannot be read",
                    got=error.strerror,
                    follows="nothing ran",
                    remedy="fix its permissions, then run the same command again",
                ) from error
            self._contents[path] = digest_source(content), content
        return self._contents[path]


def short_name(module: str, path: Path) -> str:
    """A module's file from its top-level package on: the same on every machine."""
    parts = module.split(".")
    if path.name.startswith("__init__."):
        return "/".join([*parts, path.name])
    return "/".join(parts) + "".join(path.suffixes)


def get_user_file(name: str) -> str | None:
    """The file behind a module in memory, where it is neither ours nor Python's nor installed."""
    module = sys.modules.get(name)
    if not isinstance(module, ModuleType) or name == "__main__":
        return None
    file = get_module_file(module)
    ours = name.partition(".")[0] in OUR_PACKAGES
    return file if file and not ours and is_first_party_file(file) else None


def _of_ours_in_memory(name: str) -> str | None:
    ours = name.partition(".")[0] in OUR_PACKAGES
    module = sys.modules.get(name) if ours else None
    return digest_loaded_source(name, module) if module else None


def _top_spec(name: str) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        if find is None or finder is Recorder:  # which notes what is loaded; nothing is
            continue
        try:
            spec: ModuleSpec | None = find(name, None, None)
        except (ImportError, ValueError):
            continue
        if spec is not None:
            return spec
    return None


def _spec_in(places: Iterable[str], name: str) -> ModuleSpec | None:
    """A module of a package, which may be a namespace; both may lie in several folders."""
    portions: list[str] = []
    for place in places:
        finder = pkgutil.get_importer(place)
        spec = finder.find_spec(name) if finder else None
        if spec is not None and spec.loader is not None:
            return spec
        portions += (spec and spec.submodule_search_locations) or ()
    if not portions:
        return None
    namespace = ModuleSpec(name, None, is_package=True)
    namespace.submodule_search_locations = portions
    return namespace


def _refuse_without_file() -> None:
    if getattr(sys.modules["__main__"], "__file__", None) is None:
        raise ConfigError(
            "code of `__main__` cannot be looked at: it lies in no file",
            expected="a module",
            got="an import path that begins with __main__",
            follows="whether it has changed could not be known",
            remedy="move it from the notebook or the prompt to a file, and name that",
        )
