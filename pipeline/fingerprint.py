"""What a step's result depends on, as one digest, found without importing any of it.

Component, its source and the first-party code that it imports, config, seed, the inputs'
fingerprints, input files by content, and the versions of the libraries used.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.convert import to_plain
from pipeline.graph import Ref, Step, as_refs
from pipeline.shadow import OUR_PACKAGES

# where a library is imported by another name than its distribution's
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "tensorflow_transform": "tensorflow-transform",
}
_SCHEMA = 1  # of artifacts on disk: a change makes every step new


def parts(
    step: Step,
    seed: int,
    fingerprints: Mapping[Ref, str],
    digest_file: Callable[[Path], str],
) -> dict[str, Any]:
    """All that the step's result depends on, in words, so that a change can be named.

    `fingerprints` gives each input's; `digest_file` the sha256 of an input file's content.
    """
    depends = step.depends()
    modules = (step.component.partition(":")[0], *depends.modules)
    files, libraries = code(modules)
    return {
        "schema": _SCHEMA,
        "component": step.component,
        "config": to_plain(step.config),
        "seed": seed,
        "inputs": {
            name: [f"{fingerprints[ref]}.{ref.output}" for ref in as_refs(value)]
            for name, value in step.inputs.items()
        },
        "files": {str(path): digest_file(path) for path in depends.files},
        "code": {short(path): _digest_source(path) for path in files},
        "libraries": {name: version for name in libraries if (version := _version(name))},
    }


def digest(parts: Mapping[str, Any]) -> str:
    """The fingerprint: 32 hexadecimal digits."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What changed between two `parts`, a phrase each: "config.epochs 10 → 5"."""
    before, after = (dict(_flat(p)) for p in (old, new))
    changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return [_phrase(key, before.get(key), after.get(key)) for key in sorted(changed)]


def _phrase(key: str, before: Any, after: Any) -> str:
    kind, _, name = key.partition(".")
    if kind in ("config", "seed", "libraries"):
        shown = " → ".join("nothing" if v is None else str(v) for v in (before, after))
        return f"{key} {shown}" if kind != "libraries" else f"{name} {shown}"
    return f"{kind} {name}" if name else kind


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def code(modules: Sequence[str]) -> tuple[list[Path], list[str]]:
    """First-party files that the modules import, transitively, and the libraries they use."""
    todo, files, libraries = list(modules), set[Path](), set[str]()
    while todo:
        name = todo.pop()
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names:
            continue
        root = _first_party_root(top)
        if root is None:
            libraries.add(top)
        elif (path := _source(root, name)) and path not in files:
            files.add(path)
            todo += _imports(path, name)
    if "tensorflow" in libraries:
        libraries.add("keras")  # comes with it, with a version of its own
    return sorted(files), sorted(libraries)


@functools.cache
def _first_party_root(top: str) -> Path | None:
    """The folder that holds the top-level module, if it is neither installed nor unknown.

    Our own packages are first-party wherever they lie, an installed wheel included.
    """
    ours = Path(__file__).resolve().parent.parent
    if top in OUR_PACKAGES:
        return ours
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin)
    if "site-packages" in path.parts or "dist-packages" in path.parts:
        return None
    return path.parent.parent if path.name == "__init__.py" else path.parent


def _source(root: Path, name: str) -> Path | None:
    """The module's file, looked up without importing its parents; None for a name in a module."""
    path = root.joinpath(*name.split("."))
    for candidate in (path / "__init__.py", path.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


@functools.cache
def _imports(path: Path, name: str) -> tuple[str, ...]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: list[str] = []
    for node in _statements(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            # what follows `import` may be a module too, or a name in one
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(dict.fromkeys(found))


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Every statement, also in functions; a tenth of all nodes, and imports are nothing else."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        yield node
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            todo += getattr(node, block, ())


@functools.cache
def _digest_source(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def short(path: Path) -> str:
    """A source file's name from its top-level package on: the same on every machine."""
    root = path.parent
    while (root / "__init__.py").exists():
        root = root.parent
    return path.relative_to(root).as_posix()


@functools.cache
def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(_DISTRIBUTIONS.get(library, library))
    except importlib.metadata.PackageNotFoundError:
        return None
