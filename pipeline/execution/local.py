"""Run the steps of a plan in this process, one after the other."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pipeline.execution.run_step import ActiveRun, run_next
from pipeline.planning.plan import PlannedStep, ReadySteps


def run_plan(plan: Sequence[PlannedStep], chosen: Collection[str], run: ActiveRun) -> ReadySteps:
    """Run the steps whose names are `chosen`; the artifacts of the others are there already.

    Raises:
        PenstockError: a step cannot go on; those before it are completed.
    """
    done = ReadySteps()
    for index, planned in enumerate(plan):
        if planned.step.name in chosen:
            run_next(plan, index, done, run)
        else:
            done.add(planned.step, planned.fingerprint, planned.sealed)
    return done
