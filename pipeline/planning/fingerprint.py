"""What a step's result depends on, as one digest, found without importing any of it.

Component, its source and the first-party code that it imports, config, seed, the inputs'
fingerprints, input files by content (folders and URLs that its settings lead to: by size and time),
what the source says of its data, and the versions of the libraries used.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from data.base.first_party import code
from pipeline.config.convert import to_plain
from pipeline.config.graph import Ref, Step, as_refs
from pipeline.config.outside_data import OutsideData

# where a library is imported by another name than its distribution's
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "grpc": "grpcio",
    "sklearn": "scikit-learn",
    "tensorflow_transform": "tensorflow-transform",
}
_SHOWN = 120  # characters of a changed value, before and after, that a phrase has room for
_SCHEMA = 1  # of artifacts on disk: a change makes every step new


def parts(
    step: Step,
    seed: int,
    fingerprints: Mapping[Ref, str],
    outside: OutsideData,
    digest_file: Callable[[Path], str],
) -> dict[str, Any]:
    """All that the step's result depends on, in words, so that a change can be named.

    `fingerprints` gives each input's; `outside` is what the step reads outside the root, and
    `digest_file` gives the sha256 of such a file's content.
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
        "files": {**{name: digest_file(Path(name)) for name in outside.files}, **outside.listed},
        **({} if outside.stamp is None else {"stamp": outside.stamp}),
        "code": {_short(path): _digest_source(path) for path in files},
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
    if kind in ("config", "seed", "stamp", "libraries"):
        shown = " → ".join("nothing" if v is None else str(v) for v in (before, after))
        if len(shown) > _SHOWN:
            return key
        return f"{key} {shown}" if kind != "libraries" else f"{name} {shown}"
    return f"{kind} {name}" if name else kind


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


@functools.cache
def _digest_source(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _short(path: Path) -> str:
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
