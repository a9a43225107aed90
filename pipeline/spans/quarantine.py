"""Record spans that could not be ingested, so that windows leave them out until they change."""

from __future__ import annotations

from pathlib import Path

from data.errors import BadDataError, PenstockError
from data.spans.patterns import make_absolute
from pipeline.config.graph import PipelineConfig
from pipeline.spans.states import SpanStates, find_pattern_steps, name_span_step
from pipeline.spans.store import SpanStore, Unreadable
from pipeline.storage.ledger import Ledger


def quarantine_span(
    pipeline: PipelineConfig, root: Path, *, run_id: str, error: PenstockError, now: float
) -> str | None:
    """Record that a run failed on the files of a span, so that windows leave it out.

    The record holds until the files change, or until `penstock span include`.

    Args:
        pipeline: as the recipe has it, its path the pattern.
        root: where it ran.
        run_id: of the run that failed.
        error: of the run.
        now: seconds since the epoch.

    Returns:
        The span's name; None where the run did not fail on a span's bad data.
    """
    if not isinstance(error, BadDataError):
        return None
    with Ledger.existing(root) as ledger:
        run = ledger.find_run(run_id)
        failed = {e.step for e in ledger.executions(run.id) if e.status == "failed"}
    for step in find_pattern_steps(pipeline):
        spans = SpanStates(step.config, root, now=now)
        for name in spans.names:
            if (span_step := name_span_step(step, name)) not in failed:
                continue
            span = spans.of(name).span
            if run.config[span_step]["path"] == str(span.path):
                note = Unreadable(
                    pattern=make_absolute(step.config.path),
                    span=span.name,
                    version=span.version,
                    stamp=span.stamp,
                    why=error.brief,
                    time=now,
                )
                with SpanStore(root) as store:
                    store.mark_unreadable(note)
                return span.name
    return None
