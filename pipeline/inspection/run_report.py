"""Write the report of a run from its ledger and artifacts, `<root>/runs/<run id>/report.html`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.artifacts import Examples, Model, Verdict
from components.report.html.facts import Facts, StepFacts
from data.errors import BadDataError
from data.files.documents import read_document
from data.files.durable_files import translate_disk_errors, write_text
from pipeline.config.config_toml import plain_to_toml
from pipeline.execution.events import NO_NOTES, read_step_notes
from pipeline.inspection.reproduce import list_commands
from pipeline.spans.resolve import restore_recipe_config
from pipeline.storage.artifact_lookup import (
    find_artifacts,
    find_judged_model,
    find_run_artifacts,
    read_verdict,
)
from pipeline.storage.ledger import Ledger
from pipeline.storage.run_folder import mark_killed_runs
from pipeline.storage.tables import Execution

REPORT = "report.html"  # in a run's folder

# keys of a verdict that the report needs
_NEEDED_KEYS = frozenset(
    {
        "baseline",
        "best",
        "calibration",
        "code",
        "confidence",
        "confusion",
        "confusions",
        "data",
        "lost",
        "metrics",
        "model",
        "paired",
        "reasons",
        "rules",
        "status",
        "suspect_the_data",
        "weakest_class",
        "worst",
    }
)


def report_run(root: Path, run_id: str, path: Path | None) -> Path:
    """Open the ledger of a root in which something ran, and write a run's report."""
    with Ledger.existing(root) as ledger:
        mark_killed_runs(root, ledger)
        return write_report(root, ledger, run_id, path)


def write_report(root: Path, ledger: Ledger, run_id: str, path: Path | None = None) -> Path:
    """Write the report of a run.

    Args:
        root: the root of the run.
        ledger: the ledger of the root.
        run_id: as in `penstock show`.
        path: the file; `<root>/runs/<run id>/report.html` if None.

    Returns:
        The file.

    Raises:
        ConfigError: there is no such run.
        BadDataError: its verdict cannot be read, or has another schema.
        EnvironmentTrouble: the file cannot be written; the old one is unchanged.
    """
    from components.report.html.page import render

    facts = collect_facts(root, ledger, run_id)
    path = path or root / "runs" / facts.run_id / REPORT
    with translate_disk_errors(f"the report cannot be written to {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, render(facts))
    return path


def collect_facts(root: Path, ledger: Ledger, run_id: str) -> Facts:
    """Collect what the report of a run shows, as far as it was not deleted.

    Raises:
        ConfigError: there is no such run.
        BadDataError: its verdict cannot be read, or has another schema.
    """
    run = ledger.find_run(run_id)
    executions = ledger.executions(run.id)
    artifacts = list(find_run_artifacts(root, ledger, run.id))
    verdict = next((a for a in artifacts if isinstance(a, Verdict)), None)
    content = _read_verdict(ledger, verdict) if verdict else None
    model = find_judged_model(root, ledger, verdict) if verdict else None
    model = model or next((a for a in artifacts if isinstance(a, Model)), None)
    examples = _find_judged_examples(root, ledger, executions) if verdict else None
    examples = examples or next((a for a in artifacts if isinstance(a, Examples)), None)
    history, history_problem = _read_history(model)
    return Facts(
        run_id=run.id,
        pipeline=run.pipeline,
        status=run.status,
        started=run.started,
        verdict=content,
        history=history,
        history_problem=history_problem,
        examples=examples,
        lineage=_collect_steps(root / "runs" / run.id, ledger, executions),
        push=_find_push(ledger, verdict, executions),
        override=content.get("override") if content else None,
        reproduce=list_commands(root, run, executions, content, model, examples),
        config=plain_to_toml({"name": run.pipeline, **restore_recipe_config(run.config)}),
    )


def _read_verdict(ledger: Ledger, verdict: Verdict) -> dict[str, Any]:
    content = read_verdict(ledger, verdict)
    missing = sorted(_NEEDED_KEYS - content.keys())
    if missing:  # the user's own Evaluate wrote it
        raise BadDataError(
            f"the verdict in {verdict.path} cannot be shown",
            expected="all keys that components.evaluate writes",
            got=f"no {', '.join(missing)}",
            follows="no report was written",
            remedy="let your Evaluate write these keys, or a file with another name",
        )
    return content


def _find_judged_examples(
    root: Path, ledger: Ledger, executions: Sequence[Execution]
) -> Examples | None:
    """Find the examples of the last verdict, which names images by their index in them."""
    for execution in reversed(executions):
        artifacts = ledger.artifacts(execution.fingerprint).values()
        if any(kind == "Verdict" for kind, _ in artifacts):
            sources = [link.source for link in ledger.lineage(execution.fingerprint)]
            inputs = (a for source in sources for a in find_artifacts(root, ledger, source))
            return next((a for a in inputs if isinstance(a, Examples)), None)
    return None


def _read_history(model: Model | None) -> tuple[dict[str, Any] | None, str]:
    """Read a model's training history; if it cannot be used, return why."""
    if model is None or not (model.path / "history.json").exists():
        return None, ""
    try:
        return read_document(model.path / "history.json"), ""
    except BadDataError as error:
        return None, f"The training history cannot be shown: {error.brief}."


def _collect_steps(
    folder: Path, ledger: Ledger, executions: Sequence[Execution]
) -> tuple[StepFacts, ...]:
    steps = {execution.fingerprint: execution.step for execution in executions}
    notes = read_step_notes(folder)

    def inputs(fingerprint: str) -> tuple[str, ...]:
        return tuple(
            f"{link.input}: {steps.get(link.source, ledger.component(link.source))}.{link.output}"
            for link in ledger.lineage(fingerprint)
        )

    return tuple(
        StepFacts(
            step=execution.step,
            component=execution.component,
            fingerprint=execution.fingerprint,
            status=execution.status,
            seconds=execution.seconds,
            summary=execution.error or notes.get(execution.step, NO_NOTES).summary,
            inputs=inputs(execution.fingerprint),
        )
        for execution in executions
    )


def _find_push(
    ledger: Ledger, verdict: Verdict | None, executions: Sequence[Execution]
) -> dict[str, Any] | None:
    """Find how the model was pushed: by hand, else by the run itself."""
    by_hand = ledger.pushes(verdict.model_digest) if verdict else []
    if by_hand:
        last = by_hand[-1]
        return {"pushed": True, "version": last.version, "served_path": last.served_path}
    for execution in reversed(executions):
        for kind, facts in ledger.artifacts(execution.fingerprint).values():
            if kind == "Push":
                return dict(facts)
    return None
