"""Serialize a planned run for a worker, and deserialize it there."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.config.convert import from_plain, to_plain
from pipeline.config.graph import Input, Ref, Step
from pipeline.config.outside_data import OutsideData
from pipeline.planning.plan import PlannedStep, ReadySteps, Workspace
from pipeline.storage.artifact_store import Slot
from pipeline.storage.pushes import push_right
from pipeline.storage.pushes.push_right import PushRight


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a worker must know of a run. Paths are those of the shared file system."""

    run_id: str
    attempt: str  # that the worker continues, as `pipeline.storage.pushes.push_right` names it
    workspace: Workspace  # its Beam flags are for the steps' own Beam pipelines
    chosen: tuple[str, ...]  # steps to run; the artifacts of those before them are in the root
    steps: tuple[dict[str, Any], ...]
    code: dict[str, str] = field(default_factory=dict)  # the user's modules: file name → source

    @classmethod
    def of(
        cls,
        plan: Sequence[PlannedStep],
        chosen: Collection[str],
        workspace: Workspace,
        *,
        run_id: str,
        attempt: str,
        code: Mapping[str, str] | None = None,
    ) -> Job:
        """Make the job of a plan."""
        return cls(
            run_id=run_id,
            attempt=attempt,
            workspace=workspace,
            chosen=tuple(p.step.name for p in plan if p.step.name in chosen),
            steps=tuple(map(_step_to_plain, plan)),
            code=dict(code or {}),
        )

    def to_text(self) -> str:
        """Serialize the job."""
        return json.dumps(to_plain(self))

    @classmethod
    def from_text(cls, text: str) -> Job:
        """Deserialize a job."""
        return from_plain(json.loads(text), cls, "job")

    @property
    def root(self) -> Path:
        return self.workspace.root

    @property
    def folder(self) -> Path:
        """The run's folder in the root."""
        return self.root / "runs" / self.run_id

    @property
    def push_right(self) -> PushRight:
        """The right of the attempt that the worker continues."""
        return PushRight(self.folder / push_right.FILE, self.attempt)

    @property
    def code_folder(self) -> Path:
        """The folder of the user's modules, named by their digest: a new version has another."""
        digest = hashlib.sha256(json.dumps(self.code, sort_keys=True).encode()).hexdigest()[:16]
        return self.folder / "code" / digest

    def plan(self) -> list[PlannedStep]:
        """Rebuild the plan as it was when the job was made. User's code must be importable."""
        return [_step_from_plain(plain, self.root) for plain in self.steps]

    def index(self, step: str) -> int:
        """Return the index of a step in the plan."""
        return [plain["name"] for plain in self.steps].index(step)


def collect_done(plan: Sequence[PlannedStep], root: Path) -> ReadySteps:
    """Load the artifacts of these steps from the root; None for those that are not there."""
    done = ReadySteps()
    for planned in plan:
        sealed = planned.slot(root).load(planned.step.load().Outputs)
        done.add(planned.step, planned.fingerprint, sealed)
    return done


def _step_to_plain(planned: PlannedStep) -> dict[str, Any]:
    step = planned.step
    return {
        "name": step.name,
        "component": step.component,
        "config": to_plain(step.config),
        "inputs": {name: to_plain(value) for name, value in step.inputs.items()},
        "fingerprint": planned.fingerprint,
        "parts": dict(planned.parts),
        "why": list(planned.why),
        "outside": to_plain(planned.outside),
        "cached": planned.sealed is not None,
    }


def _step_from_plain(plain: Mapping[str, Any], root: Path) -> PlannedStep:
    step = Step(name=plain["name"], component=plain["component"], config=None)
    component = step.load()
    step = dataclasses.replace(
        step,
        config=from_plain(plain["config"], component.Config, step.name),
        inputs={name: _input_from_plain(value) for name, value in plain["inputs"].items()},
    )
    slot = Slot.of(root, step.component, plain["fingerprint"])
    return PlannedStep(
        step=step,
        fingerprint=plain["fingerprint"],
        parts=plain["parts"],
        sealed=slot.load(component.Outputs) if plain["cached"] else None,
        why=tuple(plain["why"]),
        outside=from_plain(plain["outside"], OutsideData, "outside"),
    )


def _input_from_plain(plain: Any) -> Input:
    if isinstance(plain, Mapping):
        return from_plain(plain, Ref, "input")
    return tuple(from_plain(ref, Ref, "input") for ref in plain)
