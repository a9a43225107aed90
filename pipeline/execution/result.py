"""What a run came to, and what is made of it when it has ended: exit code, pictures, report."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.artifacts import Examples, Model, Push, Verdict
from components.evaluate import VERDICT
from components.report.pictures.album import Album, draw_album
from data.errors import PenstockError
from data.files.documents import read_document
from data.files.private_files import make_private
from pipeline import exit_codes
from pipeline.execution.run_record import RunRecord
from pipeline.inspection.run_pictures import FOLDER
from pipeline.inspection.run_report import write_report
from pipeline.planning.plan import ReadySteps, Workspace
from pipeline.storage.ledger import Execution, Ledger, Run
from pipeline.storage.pushes.overrides import covers, read_overruled_rules
from serving_export.model_store.baseline import serves
from serving_export.model_store.layout import model_folder


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run came to."""

    run: Run
    executions: list[Execution]
    outputs: dict[str, Any]  # step name -> the component's Outputs, up to the last step that ran
    pictures: Album = field(default_factory=Album)  # none where all was reused
    report: Path | None = None  # likewise
    unseen: tuple[str, ...] = ()  # whose data nobody looked at, of cached steps
    # where the model serves though its verdict is not passed
    serves: Path | None = None
    # whether a person pushed it there and overruled these very rules
    by_hand: bool = False

    def artifact(self, kind: type[Any]) -> Any:
        """The last artifact of this type that the run's steps gave, or None."""
        found = [
            value
            for outputs in self.outputs.values()
            for field in dataclasses.fields(outputs)
            if isinstance(value := getattr(outputs, field.name), kind)
        ]
        return found[-1] if found else None

    def steps_of(self, artifact: Any) -> set[str]:
        """The names of the steps that gave this artifact."""
        return {
            step
            for step, outputs in self.outputs.items()
            if any(getattr(outputs, f.name) is artifact for f in dataclasses.fields(outputs))
        }

    @property
    def verdict(self) -> Verdict | None:
        return self.artifact(Verdict)  # type: ignore[no-any-return]

    @property
    def push(self) -> Push | None:
        return self.artifact(Push)  # type: ignore[no-any-return]


def conclude(record: RunRecord, done: ReadySteps, workspace: Workspace) -> RunResult:
    """Finish the record of a run whose steps are all done."""
    outputs = {step: sealed.outputs for step, sealed in done.sealed.items() if sealed}
    result = RunResult(run=record.run, executions=record.executions, outputs=outputs)
    status = result.verdict.status if result.verdict else None
    served = _serves_against_its_verdict(result, workspace)
    by_hand = served is not None and _is_overruled(result.verdict, served, record.ledger)
    record.finish(status, exit_codes.DONE if by_hand else exit_codes.of_verdict(status))
    return dataclasses.replace(result, run=record.run, serves=served, by_hand=by_hand)


def illustrated(result: RunResult, root: Path, ledger: Ledger) -> RunResult:
    """The result with pictures and report, where anything was made.

    The run is recorded and the model pushed, whatever comes of the pictures.
    """
    if all(execution.status != "made" for execution in result.executions):
        return result
    folder = root / "runs" / result.run.id
    try:
        return _illustrated(result, root, ledger, folder / FOLDER)
    finally:
        make_private(folder)


def _illustrated(result: RunResult, root: Path, ledger: Ledger, folder: Path) -> RunResult:
    pictures = draw_album(result.artifact(Examples), result.artifact(Model), folder)
    result = dataclasses.replace(result, pictures=pictures)
    if result.verdict is None or not (result.verdict.path / VERDICT).is_file():
        return result  # an evaluate of one's own may write another file
    try:
        report = write_report(root, ledger, result.run.id)
        return dataclasses.replace(result, report=report)
    except PenstockError as error:
        problem = f"the report could not be written: {error.what}"
        pictures = Album(pictures.files, (*pictures.problems, problem))
        return dataclasses.replace(result, pictures=pictures)


def _serves_against_its_verdict(result: RunResult, workspace: Workspace) -> Path | None:
    verdict, model = result.verdict, result.artifact(Model)
    if verdict is None or verdict.status == "passed" or workspace.model_name is None:
        return None
    folder = model_folder(workspace.serving_dir, workspace.model_name)
    return None if model is None else serves(folder, model.bundle)


def _is_overruled(verdict: Verdict | None, served: Path, ledger: Ledger) -> bool:
    """Whether somebody pushed it and overruled what the verdict says, here or from another root."""
    if verdict is None:
        return False
    known = [push.rules for push in ledger.pushes(verdict.model_digest)]
    # a file that cannot be read vouches for nothing
    with contextlib.suppress(PenstockError):
        known.append(read_overruled_rules(read_document(served / VERDICT)))
    with contextlib.suppress(PenstockError):
        content = read_document(verdict.path / VERDICT)
        return any(covers(rules, content) for rules in known)
    return False
