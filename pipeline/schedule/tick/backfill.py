"""Runs past windows of a schedule in order, each with the spans that it had then."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

from data.errors import ConfigError, EnvironmentTrouble, suggest_names
from data.spans.patterns import span_sort_key
from data.spans.windows import Window
from pipeline import exit_codes
from pipeline.config.graph import PipelineConfig, Step
from pipeline.console.error_message import explain
from pipeline.console.streams import say
from pipeline.schedule import lock
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import Schedule, Tick
from pipeline.schedule.tick.pipeline_run import PipelineRun, build_pipeline, run_pipeline
from pipeline.spans.states import SpanState, SpanStates, find_pattern_steps
from pipeline.storage.pushes.push_right import PushRight


def backfill(
    root: Path,
    name: str,
    first: str,
    last: str,
    *,
    push: bool,
    clock: Callable[[], float] = time.time,
) -> int:
    """Run, for each span from `first` to `last`, the window that ends with it.

    Unless `push`, models go to a serving folder of this backfill, so that each run is compared with
    the last run of the backfill that passed, and the model that serves does not change. Spans that
    are left out today are left out there too.

    Args:
        root: of the schedule.
        name: of the schedule.
        first: name of the oldest span.
        last: name of the newest one.
        push: whether to push to the schedule's own serving folder.
        clock: seconds since the epoch.

    Returns:
        The exit code of the last run that did not pass; 0 if all passed.

    Raises:
        ConfigError: there is no such schedule or span, or its data has no spans.
        EnvironmentTrouble: a tick of the schedule is under way.
        PushRightLost: a later run has begun, though this process holds the schedule's lock.
    """
    root = root.resolve()
    with ScheduleStore.existing(root) as store, lock.hold_lock(root, name) as locked:
        schedule = store.standing(name).schedule
        if not locked:
            raise EnvironmentTrouble(
                f"a tick of {name!r} is under way",
                follows="nothing ran",
                remedy="begin the backfill when it has ended",
            )
        pipeline, beam_args = build_pipeline(schedule)
        step = _find_pattern_step(pipeline)
        spans = _choose_spans(SpanStates(step.config, root, now=clock()), first, last)
        if not push:
            serving = root / lock.FOLDER / f"{name}.backfill" / time.strftime("%Y%m%d-%H%M%S")
            schedule = dataclasses.replace(schedule, serving=str(serving))
            pipeline = dataclasses.replace(pipeline, name=f"{pipeline.name}-backfill")
        code, right = exit_codes.DONE, lock.take_push_right(root, name)
        for standing in spans:
            right.check()
            windowed = _end_window_with(pipeline, step, standing.span.name)
            tick = _open_tick(store, schedule, standing, clock())
            run = _run_window(store, tick, windowed, root, schedule, beam_args, clock, right)
            say(f"{standing.span.name}: {run.verdict or 'no verdict'}, {run.summary}")
            code = run.exit_code or code
    return code


def _find_pattern_step(pipeline: PipelineConfig) -> Step:
    steps = find_pattern_steps(pipeline)
    if len(steps) != 1 or Window.parse(steps[0].config.window).until is not None:
        raise ConfigError(
            "there are no past windows to run",
            expected="one ingest step with a pattern of spans, and a window without `until`",
            got=", ".join(step.config.window for step in steps) or "none",
        )
    return steps[0]


def _choose_spans(spans: SpanStates, first: str, last: str) -> list[SpanState]:
    """The usable spans from `first` to `last`, the oldest first."""
    for name in (first, last):
        if name not in spans.names:
            raise ConfigError(f"no span {name!r}", remedy=suggest_names(name, spans.names))
    chosen = [
        spans.of(n)
        for n in spans.names
        if span_sort_key(first) <= span_sort_key(n) <= span_sort_key(last)
    ]
    for standing in chosen:
        if standing.state != "usable":
            say(f"left out: {standing.summary}")
    usable = [standing for standing in chosen if standing.state == "usable"]
    if not usable:
        raise ConfigError(
            "no span can be used",
            expected=f"one or more from {first} to {last}",
            got="; ".join(standing.summary for standing in chosen) or "none: --from is after --to",
        )
    return usable


def _end_window_with(pipeline: PipelineConfig, step: Step, span: str) -> PipelineConfig:
    config = dataclasses.replace(step.config, window=f"{step.config.window} until {span}")
    steps = tuple(
        dataclasses.replace(s, config=config) if s.name == step.name else s for s in pipeline.steps
    )
    return dataclasses.replace(pipeline, steps=steps)


def _open_tick(store: ScheduleStore, schedule: Schedule, standing: SpanState, now: float) -> Tick:
    tick = Tick(
        schedule=schedule.name,
        due=now,
        kind="backfill",
        claimed=now,
        launched=now,
        attempts=1,
        detail=f"the window until {standing.span.name}",
    )
    return store.open(tick)


def _run_window(
    store: ScheduleStore,
    tick: Tick,
    pipeline: PipelineConfig,
    root: Path,
    schedule: Schedule,
    beam_args: tuple[str, ...],
    clock: Callable[[], float],
    right: PushRight,
) -> PipelineRun:
    """Run one window and record its tick. An error ends this window, not the backfill."""
    try:
        run = run_pipeline(pipeline, root, schedule, beam_args, clock, right)
    except BaseException as error:
        detail = f"{tick.detail}: {type(error).__name__}"
        store.finish(tick, outcome="failed", detail=detail, now=clock())
        raise
    if run.error:
        code = explain(run.error, debug=False)
        run = dataclasses.replace(run, exit_code=code, summary=run.error.what)
    store.finish(
        tick,
        outcome="failed" if run.error else "completed",
        run_id=run.run_id,
        verdict=run.verdict,
        detail=f"{tick.detail}: {run.summary}",
        pushed=run.pushed,
        now=clock(),
    )
    return run
