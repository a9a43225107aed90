"""Digest what a run would read, so that a schedule knows whether data is new."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

from data.spans.patterns import make_absolute
from data.spans.windows import Window
from pipeline.config import outside_data
from pipeline.config.convert import to_plain
from pipeline.config.graph import PipelineConfig, Step
from pipeline.config.secrets import read_secrets_in_flags
from pipeline.spans.choose import choose_spans
from pipeline.spans.states import SpanState, SpanStates, has_pattern
from pipeline.storage.run_folder import list_run_outputs


def compute_data_key(
    pipeline: PipelineConfig, root: Path, *, now: float, beam_args: tuple[str, ...] = ()
) -> str:
    """Digest what a run of the pipeline would read: the same digest means that nothing is new.

    It covers, of a pattern, the spans that the window takes, with versions and stamps (with the
    window "since push" all usable spans); without a pattern the input files' names, sizes and
    times; of every step what else it reads outside the root, its config, and its source's stamp.
    Files are not read; only URLs need Beam. Where no check can see the data, no two digests are
    the same.

    Raises:
        ConfigError, BadDataError, EnvironmentTrouble: as `resolved`.
    """
    beam_args = read_secrets_in_flags(beam_args)
    parts: list[Any] = [pipeline.seed]
    for step in pipeline.steps:
        parts += [step.name, step.component, to_plain(step.config)]
        parts.append(_describe_data(pipeline.name, step, root, now, beam_args))
        if outside_data.find_unseen(step):
            parts.append(secrets.token_hex(16))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _describe_data(
    pipeline: str, step: Step, root: Path, now: float, beam_args: tuple[str, ...]
) -> list[Any]:
    outside = to_plain(outside_data.inspect(step, beam_args, leave_out=list_run_outputs(root)))
    if not has_pattern(step):
        return [outside]
    if Window.parse(step.config.window).since_push:
        taken = [s for s in SpanStates(step.config, root, now=now) if s.state == "usable"]
    else:
        taken = choose_spans(pipeline, step, root, now=now).taken
    spans = [
        [s.span.name, s.span.version, s.span.stamp, _read_span_stamp(step, s, beam_args)]
        for s in taken
    ]
    return [outside, make_absolute(step.config.path), spans]


def _read_span_stamp(step: Step, standing: SpanState, beam_args: tuple[str, ...]) -> str | None:
    """Read the source's stamp of one span's data."""
    config = dataclasses.replace(step.config, path=str(standing.span.path), window="latest")
    ask = outside_data.get_stamp_function(dataclasses.replace(step, config=config), beam_args)
    return ask() if ask else None
