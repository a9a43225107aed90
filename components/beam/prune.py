"""Remove the transforms of a pipeline that its result does not need: telemetry, plots, checks.

Each of them adds stages, and the time of a small job on a cluster is the number of its stages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam
from apache_beam.pipeline import AppliedPTransform


def keep_needed(pipeline: beam.Pipeline, result: beam.PCollection[Any]) -> None:
    """Remove every transform that `result` does not depend on, before the pipeline runs.

    Side effects are removed, too: a sink must be `result`, or be before it.
    """
    needed = _find_producers(result)
    for root in pipeline.transforms_stack:
        _prune(root, needed)


def _find_producers(result: beam.PCollection[Any]) -> set[AppliedPTransform]:
    """Find all transforms that `result` depends on."""
    producers: set[AppliedPTransform] = set()
    waiting: list[Any] = [result]
    while waiting:
        producer = waiting.pop().producer
        if producer is not None and producer not in producers:
            producers.add(producer)
            waiting += [*producer.inputs, *(side.pvalue for side in producer.side_inputs)]
    return producers


def _prune(node: AppliedPTransform, needed: set[AppliedPTransform]) -> bool:
    """Remove what is not needed from a transform; returns whether any of it is needed."""
    node.parts = [part for part in node.parts if _prune(part, needed)]
    if node in needed:
        return True
    node.main_inputs = _keep_produced(node.main_inputs, needed)
    node.outputs = _keep_produced(node.outputs, needed)
    return bool(node.parts)


def _keep_produced(ends: Mapping[Any, Any], needed: Iterable[AppliedPTransform]) -> dict[Any, Any]:
    """Keep the inputs or outputs that are still produced, and the start of the pipeline."""
    return {tag: end for tag, end in ends.items() if end.producer is None or end.producer in needed}
