"""Finish a run and return its result, with the exit code."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.artifacts import Examples, Model, Push, Verdict
from components.evaluate import VERDICT
from data.errors import ConfigError, PenstockError, suggest_names
from data.files.documents import read_document
from pipeline import exit_codes
from pipeline.execution.run_record import RunRecord
from pipeline.planning.plan import ReadySteps, Workspace
from pipeline.storage.ledger import Ledger
from pipeline.storage.pushes.overrides import covers, read_overruled_rules
from pipeline.storage.tables import Execution, Run
from serving_export.model_store.baseline import find_serving_version
from serving_export.model_store.layout import model_folder

if TYPE_CHECKING:
    import tensorflow as tf

    from serving_export.bundle.saved_model import Bundle

_STEPS_SHOWN = 12  # in a result's repr
_BATCH = 256  # images that are read at once


@dataclass(frozen=True, kw_only=True, repr=False)
class RunResult:
    """The result of a run: what its steps made, and whether its model serves.

    Attributes:
        root: the folder of all that runs write.
        run: the run as the ledger holds it, with status, verdict and exit code.
        executions: how each step ended, in order.
        outputs: step → the component's Outputs, up to the last step that ran.
        unseen: names of the data of cached steps that Penstock cannot look at.
        serves: the folder in which the model serves although its verdict is not passed; or None.
        by_hand: a person pushed it there, against these very rules.
    """

    root: Path
    run: Run
    executions: list[Execution]
    outputs: dict[str, Any]
    unseen: tuple[str, ...] = ()
    serves: Path | None = None
    by_hand: bool = False

    def __repr__(self) -> str:
        """Show the main facts; the whole config is in `run.config`."""
        facts = {
            "run": self.run.id,
            "status": self.run.status,
            "verdict": self.run.verdict,
            "exit_code": self.run.exit_code,
            "steps": {e.step: e.status for e in self.executions[-_STEPS_SHOWN:]},
            "accuracy": self.metrics.get("accuracy"),
            "pushed": str(self.push.served_path) if self.push and self.push.pushed else None,
        }
        lines = (f"  {name}={value!r}," for name, value in facts.items())
        return "\n".join(["RunResult(", *lines, ")"])

    @property
    def metrics(self) -> dict[str, float]:
        """The candidate's overall metrics on the test split, such as accuracy and loss, by name.

        Empty if the run has no verdict, or one of the user's own Evaluate without metrics.
        """
        if self.verdict is None or not (self.verdict.path / VERDICT).is_file():
            return {}
        verdict = read_document(self.verdict.path / VERDICT)
        overall = verdict.get("metrics", {}).get("candidate", {}).get("overall", {})
        return {name: value for name, value in overall.items() if isinstance(value, int | float)}

    def examples(self, split: str = "train") -> tf.data.Dataset:
        """Return the labelled images of a split, in the order in which they lie on disk.

        Args:
            split: train, validation or test.

        Returns:
            Pairs of image (height, width, channels) uint8, 0-255, and label () int64, the index
            in `class_names` of the examples' spec. Their number is known.

        Raises:
            ConfigError: the run has no Examples, or they have no such split.
        """
        from tensorflow.data.experimental import assert_cardinality

        from data.batches.sequential import read_batches

        examples = self._find(Examples)
        if split not in examples.counts:
            raise ConfigError(
                f"the examples have no split {split!r}",
                remedy=suggest_names(split, examples.counts),
            )
        dataset = read_batches(examples, split, batch_size=_BATCH).unbatch()
        # unbatch() forgets the number
        return dataset.apply(assert_cardinality(examples.num_examples(split)))

    def model(self) -> Bundle:
        """Load the trained model with its preprocessing, as it is judged and served.

        Returns:
            A function of a signature's name and a batch. `model("images", images)` takes images
            (batch, height, width, channels) uint8, 0-255, and returns arrays by name:
            `probabilities` (batch, classes) float32, `class_index` (batch,) int64 and
            `class_name` (batch,) bytes. The signature "serving_default" takes PNG or JPEG files
            as bytes, "examples" takes serialized tf.Examples.

        Raises:
            ConfigError: the run has no model.
            BadDataError: a file of the model has changed or is missing.
        """
        from serving_export.bundle.saved_model import load_bundle

        model = self._find(Model)
        return load_bundle(model.bundle, model.digest)

    def _find(self, kind: type[Any]) -> Any:
        artifact = self.artifact(kind)
        if artifact is None:
            raise ConfigError(
                f"the run {self.run.id} has no {kind.__name__}",
                expected=f"a step whose outputs include one of type {kind.__name__}",
                got=f"steps {', '.join(self.outputs) or 'none'}",
                remedy="run the pipeline with all its steps",
            )
        return artifact

    def artifact(self, kind: type[Any]) -> Any:
        """Return the last artifact of this type among the steps' outputs, or None."""
        artifacts = [
            value
            for outputs in self.outputs.values()
            for field in dataclasses.fields(outputs)
            if isinstance(value := getattr(outputs, field.name), kind)
        ]
        return artifacts[-1] if artifacts else None

    def steps_of(self, artifact: Any) -> set[str]:
        """Return the names of the steps that have this artifact among their outputs."""
        return {
            step
            for step, outputs in self.outputs.items()
            if any(getattr(outputs, f.name) is artifact for f in dataclasses.fields(outputs))
        }

    @property
    def verdict(self) -> Verdict | None:
        """The last verdict that the steps gave; None if nothing was judged."""
        return self.artifact(Verdict)  # type: ignore[no-any-return]

    @property
    def push(self) -> Push | None:
        """Whether and where the model was pushed; None if the pipeline does not push."""
        return self.artifact(Push)  # type: ignore[no-any-return]


def conclude(record: RunRecord, done: ReadySteps, workspace: Workspace) -> RunResult:
    """Record the end of a run whose steps are all done, and return its result."""
    outputs = {step: sealed.outputs for step, sealed in done.sealed.items() if sealed}
    result = RunResult(
        root=workspace.root, run=record.run, executions=record.executions, outputs=outputs
    )
    status = result.verdict.status if result.verdict else None
    served = _find_served_version(result, workspace)
    by_hand = served is not None and _is_overridden(result.verdict, served, record.ledger)
    record.finish(status, exit_codes.DONE if by_hand else exit_codes.map_verdict(status))
    return dataclasses.replace(result, run=record.run, serves=served, by_hand=by_hand)


def _find_served_version(result: RunResult, workspace: Workspace) -> Path | None:
    """Return the folder in which the model serves although its verdict is not passed."""
    verdict, model = result.verdict, result.artifact(Model)
    if verdict is None or verdict.status == "passed" or workspace.model_name is None:
        return None
    folder = model_folder(workspace.serving_dir, workspace.model_name)
    return None if model is None else find_serving_version(folder, model.bundle)


def _is_overridden(verdict: Verdict | None, served: Path, ledger: Ledger) -> bool:
    """Tell whether a person pushed it against this verdict, from this root or another."""
    if verdict is None:
        return False
    overrides = [push.rules for push in ledger.pushes(verdict.model_digest)]
    # a file that cannot be read proves nothing
    with contextlib.suppress(PenstockError):
        overrides.append(read_overruled_rules(read_document(served / VERDICT)))
    with contextlib.suppress(PenstockError):
        content = read_document(verdict.path / VERDICT)
        return any(covers(rules, content) for rules in overrides)
    return False
