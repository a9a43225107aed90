"""The local orchestrator: walk the plan in this process, one step after the other."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pipeline.execution.run_step import run_next
from pipeline.execution.step_log import StepLog
from pipeline.planning.plan import PlannedStep, ReadySteps, Workspace


def walk(
    plan: Sequence[PlannedStep], chosen: Collection[str], workspace: Workspace, log: StepLog
) -> ReadySteps:
    """Run the steps whose names are `chosen`; take the others as they lie.

    Raises:
        PenstockError: a step cannot go on; those before it are made.
    """
    done = ReadySteps()
    for place, planned in enumerate(plan):
        if planned.step.name in chosen:
            run_next(plan, place, done, workspace, log)
        else:
            done.add(planned.step, planned.fingerprint, planned.sealed)
    return done
