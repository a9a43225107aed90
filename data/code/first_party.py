"""Find the first-party modules that code imports, without importing them."""

from __future__ import annotations

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
    invalidate_import_caches,
    is_first_party_file,
    is_installed,
)
from data.errors import ConfigError, EnvironmentTrouble


@dataclass(frozen=True, kw_only=True)
class Closure:
    """All modules that some modules import, directly or through others.

    Attributes:
        files: of first-party modules and the packages that hold them, by module name.
        libraries: top-level names of all other modules, without the standard library.
        names: everything that the imports may mean: modules, and names in them.
        computed: user modules that also import names which are known only at run time.
    """

    files: dict[str, Path]
    libraries: list[str]
    names: set[str]
    computed: set[str]


class Code:
    """Reads first-party code from disk; results are cached in the object, so use it for one plan.

    First-party are Penstock's modules, modules of no installed distribution (with or without
    `__init__.py`), and installed modules that an import path names, unless Penstock requires them.
    """

    def __init__(self) -> None:
        invalidate_import_caches()
        self.distributions = Distributions()
        self._specs: dict[str, ModuleSpec | None] = {}
        self._contents: dict[Path, tuple[str, bytes]] = {}
        self._installed: dict[str, list[bool]] = {}

    def find_closure(self, modules: Iterable[str], named: Collection[str] | None = None) -> Closure:
        """Find everything that modules import, directly or through others.

        Args:
            modules: dotted names.
            named: modules that import paths name; None: `modules`.

        Raises:
            ConfigError: a module is `__main__` without a file; or a module of the user's is hidden
                by a package of Penstock of the same name.
            EnvironmentTrouble: a file cannot be read.
        """
        todo, names, computed = list(modules), set[str](), set[str]()
        files, libraries = dict[str, Path](), set[str]()
        tops = {name.partition(".")[0] for name in (todo if named is None else named)}
        if "__main__" in tops:
            _refuse_main_without_file()
        while todo:
            name = todo.pop()
            top = name.partition(".")[0]
            if name in names or top in sys.stdlib_module_names:
                continue
            names.add(name)
            if self._is_library(name, tops):
                libraries.add(top)
                continue
            if top != name:  # the package, which is imported first
                todo.append(name.rpartition(".")[0])
            path = self.file(name)
            if path:
                files[name] = path
                imports = self._imports(name, path)
                if top not in OUR_PACKAGES:
                    self._refuse_shadowed(imports)
                todo += imports - {COMPUTED}
                computed |= {name} if COMPUTED in imports else set()
        if "tensorflow" in libraries:
            libraries.add("keras")  # tensorflow imports it, and it has its own version
        return Closure(
            files=dict(sorted(files.items())),
            libraries=sorted(libraries),
            names=names,
            computed=computed,
        )

    def file(self, name: str) -> Path | None:
        """Return the file of a module: its source, its binary, or the archive that holds it."""
        if name == "__main__":
            file = getattr(sys.modules[name], "__file__", None)
            return Path(file) if file else None
        spec = self._spec(name)
        if spec is None or not spec.has_location or not spec.origin:
            return None
        return Path(getattr(spec.loader, "archive", None) or spec.origin)

    def digest(self, path: Path) -> str:
        """Digest a file's content. Raises EnvironmentTrouble where it cannot be read."""
        return self._read(path)[0]

    def digests(self, closure: Closure) -> dict[str, str]:
        """Digest all files of a closure, by their short names, which are the same on every machine.

        For a loaded module of Penstock's it is the loaded source: that is what runs.
        """
        return {
            short_name(name, path): _digest_loaded_own(name) or self.digest(path)
            for name, path in closure.files.items()
        }

    def is_user_code(self, name: str) -> bool:
        """Return whether a module is the user's: not Penstock's, Python's, installed or unknown."""
        top = name.partition(".")[0]
        is_ours_or_python = top in OUR_PACKAGES or top in sys.stdlib_module_names
        return not is_ours_or_python and not self._is_library(name, ())

    def _is_library(self, name: str, named: Collection[str]) -> bool:
        top = name.partition(".")[0]
        if top in OUR_PACKAGES:
            return False
        if top not in self._installed:
            self._installed[top] = [is_installed(f"{p}/") for p in self._locate(top)]
        installed = self._installed[top]
        if not any(installed):
            return not installed  # unknown: once it is installed, its version counts
        if not all(installed):  # parts of a namespace package, each judged on its own
            path = self.file(name)
            return path is not None and is_installed(str(path)) and top not in named
        if top in named:
            return self.distributions.is_required(top)
        return self.distributions.version(top) is not None

    def _locate(self, top: str) -> list[Path | None]:
        path = self.file(top)
        return [path] if path or top == "__main__" else [*self.find_folders(top)]

    def _spec(self, name: str) -> ModuleSpec | None:
        """Find a module as Python would, but import no parent and ignore loaded modules."""
        if name not in self._specs:
            parent, _, _ = name.rpartition(".")
            if parent:
                package = self._spec(parent)
                folders = package.submodule_search_locations if package else None
                self._specs[name] = _find_in_package(folders, name) if folders else None
            else:
                self._specs[name] = _find_top_level(name)
        return self._specs[name]

    def imports(self, name: str) -> frozenset[str]:
        """Return the names that a module's own import statements may mean."""
        path = self.file(name)
        return self._imports(name, path) if path else frozenset()

    def find_folders(self, name: str) -> list[Path]:
        """Return the folders of a package: several for a namespace package."""
        spec = self._spec(name)
        return [Path(folder) for folder in (spec and spec.submodule_search_locations) or ()]

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
        own = name.partition(".")[0] in OUR_PACKAGES
        return find_imports(digest, source, str(path), package, own=own)

    def _read(self, path: Path) -> tuple[str, bytes]:
        if path not in self._contents:
            try:
                content = path.read_bytes()
            except OSError as error:
                raise EnvironmentTrouble(
                    f"the imported file {path} cannot be read",
                    got=error.strerror,
                    follows="nothing ran",
                    remedy="fix its permissions, then run the same command again",
                ) from error
            self._contents[path] = digest_source(content), content
        return self._contents[path]


def short_name(module: str, path: Path) -> str:
    """Return a module's file relative to its top-level package: the same on every machine."""
    parts = module.split(".")
    if path.name.startswith("__init__."):
        return "/".join([*parts, path.name])
    return "/".join(parts) + "".join(path.suffixes)


def get_user_file(name: str) -> str | None:
    """Return the file of a loaded module of the user's; None for any other module."""
    module = sys.modules.get(name)
    if not isinstance(module, ModuleType) or name == "__main__":
        return None
    file = get_module_file(module)
    ours = name.partition(".")[0] in OUR_PACKAGES
    return file if file and not ours and is_first_party_file(file) else None


def _digest_loaded_own(name: str) -> str | None:
    ours = name.partition(".")[0] in OUR_PACKAGES
    module = sys.modules.get(name) if ours else None
    return digest_loaded_source(name, module) if module else None


def _find_top_level(name: str) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        if find is None or finder is Recorder:  # it records loads, and nothing is loaded here
            continue
        try:
            spec: ModuleSpec | None = find(name, None, None)
        except (ImportError, ValueError):
            continue
        if spec is not None:
            return spec
    return None


def _find_in_package(folders: Iterable[str], name: str) -> ModuleSpec | None:
    """Find a module in a package's folders; it may be a namespace package in several of them."""
    portions: list[str] = []
    for folder in folders:
        finder = pkgutil.get_importer(folder)
        spec = finder.find_spec(name) if finder else None
        if spec is not None and spec.loader is not None:
            return spec
        portions += (spec and spec.submodule_search_locations) or ()
    if not portions:
        return None
    namespace = ModuleSpec(name, None, is_package=True)
    namespace.submodule_search_locations = portions
    return namespace


def _refuse_main_without_file() -> None:
    if getattr(sys.modules["__main__"], "__file__", None) is None:
        raise ConfigError(
            "code of `__main__` in a notebook or an interactive prompt has no file",
            expected="an import path of a module with a file",
            got="an import path that begins with __main__",
            follows="nothing ran: changes of the code could not be detected",
            remedy="move the code to a file, and use the import path of that file",
        )
