"""Digest all that a step's result depends on into a fingerprint, without importing any of it.

That is the component, its source and the first-party code that it imports, config, seed, the
inputs' fingerprints, input files by content (folders and URLs of its settings by size and time),
the source's stamp, the versions of the libraries used, and the environment variables that change
their results.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from data.base.visible_text import escape_line
from data.code.first_party import Code
from pipeline.config.convert import to_plain
from pipeline.config.graph import Ref, Step, as_refs
from pipeline.config.outside_data import OutsideData
from pipeline.environment.library_settings import read_counted_variables

_SHOWN = 120  # characters that a changed value may take in a phrase, before and after together
_MOST_FILES = 3  # that are named where many changed
_SCHEMA = 1  # of artifacts on disk: a change makes every step run again


def collect_parts(
    step: Step,
    seed: int,
    fingerprints: Mapping[Ref, str],
    code: Code,
    outside: OutsideData,
    digest_files: Callable[[Iterable[str]], Mapping[str, str]],
) -> dict[str, Any]:
    """Collect all that the step's result depends on, by names, so that a change can be named.

    Args:
        step: of the pipeline.
        seed: the pipeline's.
        fingerprints: of each input.
        code: the modules as they are now.
        outside: the state of what the step reads outside the root.
        digest_files: returns the sha256 of the content of each of its files.
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
        "files": {**digest_files(outside.files), **outside.listed},
        **({} if outside.stamp is None else {"stamp": outside.stamp}),
        **collect_code_parts(step, code),
        "environment": read_counted_variables(),
    }


def collect_code_parts(step: Step, code: Code) -> dict[str, dict[str, str]]:
    """Collect the parts that are code: first-party files by content, libraries by version."""
    closure, version = code.find_closure(step.modules()), code.distributions.version
    return {
        "code": code.digests(closure),
        "libraries": {name: v for name in closure.libraries if (v := version(name))},
    }


def digest_parts(parts: Mapping[str, Any]) -> str:
    """Make the fingerprint: 32 hexadecimal digits."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def describe_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Describe what differs between two steps' parts, a phrase each: "config.epochs 10 → 5"."""
    before, after = (dict(_flatten(p)) for p in (old, new))
    changed = sorted(k for k in {**before, **after} if before.get(k) != after.get(k))
    files = [key for key in changed if key.startswith("files.")][_MOST_FILES:]
    more = dict.fromkeys(files[:1], f"{len(files)} more files")
    left_out = set(files[1:])
    return [
        more.get(key) or _describe(key, before.get(key), after.get(key))
        for key in changed
        if key not in left_out
    ]


def _describe(key: str, before: Any, after: Any) -> str:
    key = escape_line(key)  # with the names of files in it
    kind, _, name = key.partition(".")
    if kind in ("config", "seed", "stamp", "libraries", "environment"):
        shown = " → ".join("nothing" if v is None else str(v) for v in (before, after))
        if len(shown) > _SHOWN:
            return key
        return f"{key} {shown}" if kind != "libraries" else f"{name} {shown}"
    return f"{kind} {name}" if name else kind


def _flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flatten(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value
