"""Run past windows of a schedule in order, each with the spans that there were then."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

from data.errors import ConfigError, EnvironmentTrouble, did_you_mean
from data.spans.patterns import order
from data.spans.windows import Window
from pipeline import exit_codes
from pipeline.config.graph import PipelineConfig, Step
from pipeline.console.error_message import explain
from pipeline.console.streams import say
from pipeline.schedule import lock
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.schedule import Schedule, Tick
from pipeline.schedule.tick.pipeline_run import Attempt, attempt, built
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
    """For each span from `first` to `last`, run the window that ends with it.

    Unless `push`, models go to a serving folder of the backfill's own, so that each run is held
    against the last one of the backfill that passed, and what serves is left alone. Spans that
    are left out today are left out there too.

    Args:
        root: of the schedule.
        name: of the schedule.
        first: name of the oldest span.
        last: name of the newest one.
        push: to where the schedule pushes.
        clock: seconds since the epoch.

    Returns:
        The exit code of the last run that was not passed; 0 where all were.

    Raises:
        ConfigError: no such schedule or span, or its data has no spans.
        EnvironmentTrouble: a tick of the schedule is under way.
        RightLost: one has begun, though this process holds the schedule's lock.
    """
    root = root.resolve()
    with ScheduleStore.existing(root) as store, lock.holding(root, name) as mine:
        schedule = store.standing(name).schedule
        if not mine:
            raise EnvironmentTrouble(
                f"a tick of {name!r} is under way",
                follows="nothing ran",
                remedy="begin the backfill when it has ended",
            )
        pipeline, beam_args = built(schedule)
        step = _only_pattern(pipeline)
        spans = _between(SpanStates(step.config, root, now=clock()), first, last)
        if not push:
            serving = root / lock.FOLDER / f"{name}.backfill" / time.strftime("%Y%m%d-%H%M%S")
            schedule = dataclasses.replace(schedule, serving=str(serving))
            pipeline = dataclasses.replace(pipeline, name=f"{pipeline.name}-backfill")
        code, right = exit_codes.DONE, lock.take_over(root, name)
        for standing in spans:
            right.check()
            windowed = _until(pipeline, step, standing.span.name)
            tick = _opened(store, schedule, standing, clock())
            made = _run(store, tick, windowed, root, schedule, beam_args, clock, right)
            say(f"{standing.span.name}: {made.verdict or 'no verdict'}, {made.words}")
            code = made.exit_code or code
    return code


def _only_pattern(pipeline: PipelineConfig) -> Step:
    found = find_pattern_steps(pipeline)
    if len(found) != 1 or Window.of(found[0].config.window).until is not None:
        raise ConfigError(
            "there are no past windows to run",
            expected="one ingest whose path is a pattern of spans, its window without `until`",
            got=", ".join(step.config.window for step in found) or "none",
        )
    return found[0]


def _between(spans: SpanStates, first: str, last: str) -> list[SpanState]:
    """The usable spans from `first` to `last`, the oldest first."""
    for name in (first, last):
        if name not in spans.names:
            raise ConfigError(f"no span {name!r}", remedy=did_you_mean(name, spans.names))
    chosen = [spans.of(n) for n in spans.names if order(first) <= order(n) <= order(last)]
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


def _until(pipeline: PipelineConfig, step: Step, span: str) -> PipelineConfig:
    config = dataclasses.replace(step.config, window=f"{step.config.window} until {span}")
    steps = tuple(
        dataclasses.replace(s, config=config) if s.name == step.name else s for s in pipeline.steps
    )
    return dataclasses.replace(pipeline, steps=steps)


def _opened(store: ScheduleStore, schedule: Schedule, standing: SpanState, now: float) -> Tick:
    tick = Tick(
        schedule=schedule.name,
        due=now,
        kind="backfill",
        claimed=now,
        launched=now,
        attempts=1,
        detail=f"the window until {standing.span.name}",
    )
    store.open(tick)
    return tick


def _run(
    store: ScheduleStore,
    tick: Tick,
    pipeline: PipelineConfig,
    root: Path,
    schedule: Schedule,
    beam_args: tuple[str, ...],
    clock: Callable[[], float],
    right: PushRight,
) -> Attempt:
    """One window's run, entered; the next one goes on whatever came of it."""
    try:
        made = attempt(pipeline, root, schedule, beam_args, clock, right)
    except BaseException as error:
        detail = f"{tick.detail}: {type(error).__name__}"
        store.finish(tick, outcome="failed", detail=detail, now=clock())
        raise
    if made.error:
        code = explain(made.error, debug=False)
        made = dataclasses.replace(made, exit_code=code, words=made.error.what)
    store.finish(
        tick,
        outcome="failed" if made.error else "ran",
        run_id=made.run_id,
        verdict=made.verdict,
        detail=f"{tick.detail}: {made.words}",
        pushed=made.pushed,
        now=clock(),
    )
    return made
