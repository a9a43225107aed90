"""What a step's result depends on, as one digest, found without importing any of it.

Component, its source and the first-party code that it imports, config, seed, the inputs'
fingerprints, input files by content (behind a URL: by size and time), the versions of the
libraries used, and what of the environment changes their results.
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
from pipeline.environment.library_settings import looked_at

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
    digest_file: Callable[[Path], str],
    stamps: Callable[[str], Mapping[str, str]],
) -> dict[str, Any]:
    """All that the step's result depends on, in words, so that a change can be named.

    `fingerprints` gives each input's; `digest_file` the sha256 of an input file's content; `stamps`
    of the files behind a URL what changes when they do.
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
        "files": {str(path): digest_file(path) for path in depends.files}
        | {file: stamp for url in depends.urls for file, stamp in stamps(url).items()},
        "code": {_short(path): _digest_source(path) for path in files},
        "libraries": {name: version for name in libraries if (version := _version(name))},
        "environment": looked_at(),
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
    if kind in ("config", "seed", "libraries", "environment"):
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
