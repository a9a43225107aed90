"""A pipeline whose `ingest.path` is a pattern: one ingest step for each span of its window.

The window step behind them keeps the name of the step that was written, so that what it feeds,
and who asks for it by name, finds it there.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.ingest import Config as Ingest
from components.window import Config, LeftOut, Taken
from data.errors import ConfigError
from data.spans.patterns import absolute
from data.spans.windows import named
from pipeline.config.graph import PipelineConfig, Ref, Step
from pipeline.spans.choose import ChosenSpans, choose_spans
from pipeline.spans.states import SpanState, describe_temporary, has_pattern, name_span_step

_log = logging.getLogger("penstock")
_OF_WINDOWS = ("window", "test", "done_marker", "quiet_minutes")  # mean nothing to one span


def resolve_spans(pipeline: PipelineConfig, root: Path, *, now: float) -> PipelineConfig:
    """The pipeline with each ingest of a pattern made one ingest for each span and a window.

    Args:
        pipeline: what a recipe returns.
        root: whose ledger says what is left out, and what was pushed.
        now: seconds since the epoch; files are held against it by `ingest.quiet_minutes`.

    Raises:
        ConfigError: a window without a pattern, or of a span that there is not.
        BadDataError: nothing fits the pattern, two paths are one span, or none can be used.
        EnvironmentTrouble: the files cannot be listed, or the ledger cannot be used.
    """
    steps: list[Step] = []
    for step in pipeline.steps:
        if has_pattern(step):
            chosen = choose_spans(pipeline.name, step, root, now=now)
            if chosen.temporary:
                _log.warning("%s: %s", step.name, describe_temporary(chosen.temporary))
            steps += _expanded(step, chosen)
        else:
            _refuse_window(step)
            steps.append(step)
    return dataclasses.replace(pipeline, steps=tuple(steps))


def restore_recipe_config(config: dict[str, Any]) -> dict[str, Any]:
    """A run's config, as the ledger has it, in the form of its recipe: the window by its names."""
    windows = {name: plain for name, plain in config.items() if _is_window(plain)}
    of_spans = {f"{name}-{t['span']}": name for name, p in windows.items() for t in p["spans"]}
    written: dict[str, Any] = {}
    for name, plain in config.items():
        if name in of_spans:
            window = windows[of_spans[name]]
            changes = {
                "path": window["pattern"],
                "window": named([taken["span"] for taken in window["spans"]]),
                "test": window["test"],
                "span": None,
            }
            written[of_spans[name]] = {**plain, **changes}
        elif name not in windows:
            written[name] = plain
    return written


def _is_window(plain: Any) -> bool:
    return isinstance(plain, dict) and {"pattern", "spans", "left_out"} <= plain.keys()


def _expanded(step: Step, chosen: ChosenSpans) -> Iterator[Step]:
    usual = {name: getattr(Ingest(), name) for name in _OF_WINDOWS}
    refs = []
    for span in (standing.span for standing in chosen.taken):
        config = dataclasses.replace(step.config, path=str(span.path), span=span.name, **usual)
        name = name_span_step(step, span.name)
        yield dataclasses.replace(step, name=name, config=config, part_of=step.name)
        refs.append(Ref(name, "examples"))
    config = Config(
        pattern=absolute(step.config.path),
        spans=tuple(Taken(span=s.span.name, version=s.span.version) for s in chosen.taken),
        left_out=tuple(_left_out(standing) for standing in chosen.left_out),
        test=step.config.test,
    )
    yield Step(
        name=step.name, component="components.window", config=config, inputs={"spans": tuple(refs)}
    )


def _left_out(standing: SpanState) -> LeftOut:
    assert standing.state != "usable"
    return LeftOut(
        span=standing.span.name,
        version=standing.span.version,
        state=standing.state,
        why=standing.why,
    )


def _refuse_window(step: Step) -> None:
    """Settings that speak of spans, where there are none."""
    if not isinstance(step.config, Ingest):
        return
    for name in _OF_WINDOWS:
        if getattr(step.config, name) != getattr(Ingest(), name):
            raise ConfigError(
                f"{step.name}.{name} is for spans, and {step.name}.path is no pattern of them",
                expected="a path such as /data/day-{YYYY}-{MM}-{DD}",
                got=step.config.path,
                remedy=f"leave {step.name}.{name} out, or name the spans in {step.name}.path",
            )
