"""A planned run as text that travels to a worker, and back again there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.context import Context
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
    attempt: str  # that the worker goes on from, as `pipeline.storage.pushes.push_right` names it
    root: Path
    serving_dir: Path
    seed: int
    model_name: str | None
    beam_args: tuple[str, ...] = field(repr=False)  # for the steps' own Beam work
    shared_filesystem: bool
    chosen: tuple[str, ...]  # steps to run; those before them lie in the root
    steps: tuple[dict[str, Any], ...]
    code: Mapping[str, str]  # the user's own modules: file name → source

    @classmethod
    def of(
        cls,
        plan: Sequence[PlannedStep],
        chosen: Collection[str],
        workspace: Workspace,
        *,
        run_id: str,
        right: PushRight,
        beam_args: tuple[str, ...] = Context.beam_args,
        code: Mapping[str, str] | None = None,
    ) -> Job:
        return cls(
            run_id=run_id,
            attempt=right.attempt,
            root=workspace.root,
            serving_dir=workspace.serving_dir,
            seed=workspace.seed,
            model_name=workspace.model_name,
            beam_args=beam_args,
            shared_filesystem=workspace.shared_filesystem,
            chosen=tuple(p.step.name for p in plan if p.step.name in chosen),
            steps=tuple(map(_plain, plan)),
            code=code or {},
        )

    def to_text(self) -> str:
        return json.dumps(to_plain(self))

    @classmethod
    def from_text(cls, text: str) -> Job:
        return from_plain(json.loads(text), cls, "job")

    @property
    def folder(self) -> Path:
        """The run's, in the root."""
        return self.root / "runs" / self.run_id

    @property
    def push_right(self) -> PushRight:
        """Of the attempt that the worker goes on from."""
        return PushRight(self.folder / push_right.FILE, self.attempt)

    @property
    def code_folder(self) -> Path:
        """Where the user's own modules lie, by their digest: names do not change under a worker."""
        digest = hashlib.sha256(json.dumps(self.code, sort_keys=True).encode()).hexdigest()[:16]
        return self.folder / "code" / digest

    def workspace(self) -> Workspace:
        """Where the steps work."""
        return Workspace(
            root=self.root,
            serving_dir=self.serving_dir,
            seed=self.seed,
            model_name=self.model_name,
            beam_args=self.beam_args,
            shared_filesystem=self.shared_filesystem,
        )

    def plan(self) -> list[PlannedStep]:
        """The plan, with what could be reused when it was made. User's code must be importable."""
        return [_planned(plain, self.root) for plain in self.steps]

    def place(self, step: str) -> int:
        return [plain["name"] for plain in self.steps].index(step)


def done_before(plan: Sequence[PlannedStep], place: int, root: Path) -> ReadySteps:
    """The steps before the one at `place`, as they lie in the root."""
    done = ReadySteps()
    for planned in plan[:place]:
        sealed = planned.slot(root).load(planned.step.load().Outputs)
        done.add(planned.step, planned.fingerprint, sealed)
    return done


def _plain(planned: PlannedStep) -> dict[str, Any]:
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
        "reuse": planned.sealed is not None,
    }


def _planned(plain: Mapping[str, Any], root: Path) -> PlannedStep:
    bare = Step(name=plain["name"], component=plain["component"], config=None)
    component = bare.load()
    step = Step(
        name=bare.name,
        component=bare.component,
        config=from_plain(plain["config"], component.Config, bare.name),
        inputs={name: _input(value) for name, value in plain["inputs"].items()},
    )
    slot = Slot.of(root, step.component, plain["fingerprint"])
    return PlannedStep(
        step=step,
        fingerprint=plain["fingerprint"],
        parts=plain["parts"],
        sealed=slot.load(component.Outputs) if plain["reuse"] else None,
        why=tuple(plain["why"]),
        outside=from_plain(plain["outside"], OutsideData, "outside"),
    )


def _input(plain: Any) -> Input:
    if isinstance(plain, Mapping):
        return from_plain(plain, Ref, "input")
    return tuple(from_plain(one, Ref, "input") for one in plain)
