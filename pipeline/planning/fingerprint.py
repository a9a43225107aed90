"""What a step's result depends on, as one digest, found without importing any of it.

Component, its source and the first-party code that it imports, config, seed, the inputs'
fingerprints, input files by content (folders and URLs that its settings lead to: by size and time),
what the source says of its data, the versions of the libraries used, and what of the environment
changes their results.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from data.code.first_party import Code
from pipeline.config.convert import to_plain
from pipeline.config.graph import Ref, Step, as_refs
from pipeline.config.outside_data import OutsideData
from pipeline.environment.library_settings import read_counted_variables

_SHOWN = 120  # characters of a changed value, before and after, that a phrase has room for
_SCHEMA = 1  # of artifacts on disk: a change makes every step new


def collect_parts(
    step: Step,
    seed: int,
    fingerprints: Mapping[Ref, str],
    code: Code,
    outside: OutsideData,
    digest_file: Callable[[Path], str],
) -> dict[str, Any]:
    """All that the step's result depends on, in words, so that a change can be named.

    `fingerprints` gives each input's; `code` is one look at all modules; `outside` is what the step
    reads outside the root, and `digest_file` gives the sha256 of such a file's content.
    """
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
        **collect_code_parts(step, code),
        "environment": read_counted_variables(),
    }


def collect_code_parts(step: Step, code: Code) -> dict[str, dict[str, str]]:
    """Of the parts those that are code: first-party files by content, libraries by version."""
    closure, version = code.of(step.modules()), code.distributions.version
    return {
        "code": code.digests(closure),
        "libraries": {name: v for name in closure.libraries if (v := version(name))},
    }


def digest_parts(parts: Mapping[str, Any]) -> str:
    """The fingerprint: 32 hexadecimal digits."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def describe_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What changed between two `collect_parts`, a phrase each: "config.epochs 10 → 5"."""
    before, after = (dict(_flat(p)) for p in (old, new))
    changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return [_phrase(key, before.get(key), after.get(key)) for key in sorted(changed)]


def _phrase(key: str, before: Any, after: Any) -> str:
    kind, _, name = key.partition(".")
    if kind in ("config", "seed", "stamp", "libraries", "environment"):
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
