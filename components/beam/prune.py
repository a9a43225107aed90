"""A pipeline without what its result does not need: a library's telemetry, plots, validations.

Each of those is stages of its own, and on a cluster a small job's time is its stages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam
from apache_beam.pipeline import AppliedPTransform


def keep_needed(pipeline: beam.Pipeline, wanted: beam.PCollection[Any]) -> None:
    """Drop every transform that `wanted` is not made from, in place, before the pipeline runs.

    What is dropped has no effect either: a sink that is to stay must be `wanted`, or before it.
    """
    needed = _makers(wanted)
    for root in pipeline.transforms_stack:
        _prune(root, needed)


def _makers(wanted: beam.PCollection[Any]) -> set[AppliedPTransform]:
    """The transforms that make `wanted`, all the way from the pipeline's start."""
    found: set[AppliedPTransform] = set()
    waiting: list[Any] = [wanted]
    while waiting:
        maker = waiting.pop().producer
        if maker is not None and maker not in found:
            found.add(maker)
            waiting += [*maker.inputs, *(side.pvalue for side in maker.side_inputs)]
    return found


def _prune(node: AppliedPTransform, needed: set[AppliedPTransform]) -> bool:
    """Whether anything of a transform is needed; drops what is not from its parts and ends."""
    node.parts = [part for part in node.parts if _prune(part, needed)]
    if node in needed:
        return True
    node.main_inputs = _made(node.main_inputs, needed)
    node.outputs = _made(node.outputs, needed)
    return bool(node.parts)


def _made(ends: Mapping[Any, Any], needed: Iterable[AppliedPTransform]) -> dict[Any, Any]:
    """Of a composite's inputs or outputs those that are still made; a pipeline's start stays."""
    return {tag: end for tag, end in ends.items() if end.producer is None or end.producer in needed}
