"""Replace an ingest step whose path is a pattern by one for each span, and a window step.

The window step joins the spans. It has the name of the step in the recipe, so that later steps and
options such as `--only` refer to it.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.ingest import Config as Ingest
from components.window import Config, SpanLeftOut, SpanTaken
from data.errors import ConfigError
from data.spans.patterns import make_absolute
from data.spans.windows import format_window
from pipeline.config.graph import PipelineConfig, Ref, Step
from pipeline.spans.choose import ChosenSpans, choose_spans
from pipeline.spans.states import SpanState, describe_temporary, has_pattern, name_span_step

_log = logging.getLogger("penstock")
_WINDOW_KEYS = ("window", "test", "done_marker", "quiet_minutes")  # settings without use to a span


def resolve_spans(pipeline: PipelineConfig, root: Path, *, now: float) -> PipelineConfig:
    """Replace each ingest step of a pattern by one for each span of its window, and a window step.

    Args:
        pipeline: what a recipe returns.
        root: whose ledger says which spans are left out, and which were pushed.
        now: seconds since the epoch; `ingest.quiet_minutes` counts back from it.

    Raises:
        ConfigError: a window without a pattern, or of a span that does not exist.
        BadDataError: nothing matches the pattern, two paths are one span, or no span is usable.
        EnvironmentTrouble: the files cannot be listed, or the ledger cannot be used.
    """
    steps: list[Step] = []
    for step in pipeline.steps:
        if has_pattern(step):
            chosen = choose_spans(pipeline.name, step, root, now=now)
            if chosen.temporary:
                _log.warning("%s: %s", step.name, describe_temporary(chosen.temporary))
            steps += _expand(step, chosen)
        else:
            _refuse_window(step)
            steps.append(step)
    return dataclasses.replace(pipeline, steps=tuple(steps))


def restore_recipe_config(config: dict[str, Any]) -> dict[str, Any]:
    """Turn a run's config in the ledger back into its recipe's form, the window by its names."""
    windows = {name: plain for name, plain in config.items() if _is_window(plain)}
    window_of = {f"{name}-{t['span']}": name for name, p in windows.items() for t in p["spans"]}
    restored: dict[str, Any] = {}
    for name, plain in config.items():
        if name in window_of:
            window = windows[window_of[name]]
            changes = {
                "path": window["pattern"],
                "window": format_window([taken["span"] for taken in window["spans"]]),
                "test": window["test"],
                "span": None,
            }
            restored[window_of[name]] = {**plain, **changes}
        elif name not in windows:
            restored[name] = plain
    return restored


def _is_window(plain: Any) -> bool:
    return isinstance(plain, dict) and {"pattern", "spans", "left_out"} <= plain.keys()


def _expand(step: Step, chosen: ChosenSpans) -> Iterator[Step]:
    defaults = {name: getattr(Ingest(), name) for name in _WINDOW_KEYS}
    refs = []
    for span in (taken.span for taken in chosen.taken):
        config = dataclasses.replace(step.config, path=str(span.path), span=span.name, **defaults)
        name = name_span_step(step, span.name)
        yield dataclasses.replace(step, name=name, config=config, part_of=step.name)
        refs.append(Ref(name, "examples"))
    config = Config(
        pattern=make_absolute(step.config.path),
        spans=tuple(SpanTaken(span=s.span.name, version=s.span.version) for s in chosen.taken),
        left_out=tuple(map(_left_out, chosen.left_out)),
        test=step.config.test,
    )
    yield Step(
        name=step.name, component="components.window", config=config, inputs={"spans": tuple(refs)}
    )


def _left_out(span: SpanState) -> SpanLeftOut:
    assert span.state != "usable"
    return SpanLeftOut(
        span=span.span.name, version=span.span.version, state=span.state, why=span.why
    )


def _refuse_window(step: Step) -> None:
    """Raise where a setting for windows is set, and the path is not a pattern."""
    if not isinstance(step.config, Ingest):
        return
    for name in _WINDOW_KEYS:
        if getattr(step.config, name) != getattr(Ingest(), name):
            raise ConfigError(
                f"{step.name}.{name} needs a pattern of spans, and {step.name}.path is none",
                expected="a path such as /data/day-{YYYY}-{MM}-{DD}",
                got=step.config.path,
                remedy=f"remove {step.name}.{name}, or set {step.name}.path to a pattern",
            )
