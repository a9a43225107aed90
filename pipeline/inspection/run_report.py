"""The report of a run, `<root>/runs/<run id>/report.html`: gathered from ledger and artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.artifacts import Examples, Model, Verdict
from components.report.html.facts import Facts, Made
from data.errors import BadDataError
from data.files.documents import read_document
from data.files.durable_files import translate_disk_errors, write_text
from pipeline.config.overrides import plain_to_toml
from pipeline.inspection.reproduce import commands
from pipeline.spans.resolve import as_written
from pipeline.storage.artifact_lookup import (
    artifacts_of_run,
    judged_model,
    remembered,
    verdict_content,
)
from pipeline.storage.ledger import Execution, Ledger
from pipeline.storage.run_folder import settle_dead_runs, summaries

REPORT = "report.html"  # in a run's own folder


# What the report draws of a verdict.
_DRAWN = frozenset(
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
    """`penstock report`: as `write_report`, in a root in which something ran."""
    with Ledger.existing(root) as ledger:
        settle_dead_runs(root, ledger)
        return write_report(root, ledger, run_id, path)


def write_report(root: Path, ledger: Ledger, run_id: str, path: Path | None = None) -> Path:
    """Write a run's report: the whole file or none.

    Args:
        root: where it ran.
        ledger: the root's.
        run_id: as in `penstock show`.
        path: the file; `<root>/runs/<run id>/report.html` if None.

    Returns:
        The file.

    Raises:
        ConfigError: no such run.
        BadDataError: its verdict cannot be read, or is of another schema.
        EnvironmentTrouble: the file cannot be written.
    """
    from components.report.html.page import render

    facts = gather(root, ledger, run_id)
    path = path or root / "runs" / facts.run_id / REPORT
    with translate_disk_errors(f"the report cannot be written to {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, render(facts))
    return path


def gather(root: Path, ledger: Ledger, run_id: str) -> Facts:
    """What a run's report is made of, as far as it still lies there.

    Raises:
        ConfigError: no such run.
        BadDataError: its verdict cannot be read, or is of another schema.
    """
    run = ledger.find_run(run_id)
    executions = ledger.executions(run.id)
    found = list(artifacts_of_run(root, ledger, run.id))
    verdict = next((a for a in found if isinstance(a, Verdict)), None)
    content = _content(ledger, verdict) if verdict else None
    model = judged_model(root, ledger, verdict) if verdict else None
    model = model or next((a for a in found if isinstance(a, Model)), None)
    examples = _judged_examples(root, ledger, executions) if verdict else None
    examples = examples or next((a for a in found if isinstance(a, Examples)), None)
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
        lineage=_lineage(root / "runs" / run.id, ledger, executions),
        push=_push(ledger, verdict, executions),
        override=content.get("override") if content else None,
        reproduce=commands(root, run, executions, content, model, examples),
        config=plain_to_toml({"name": run.pipeline, **as_written(run.config)}),
    )


def _content(ledger: Ledger, verdict: Verdict) -> dict[str, Any]:
    content = verdict_content(ledger, verdict)
    missing = sorted(_DRAWN - content.keys())
    if missing:  # of an evaluate of the user's own
        raise BadDataError(
            f"the verdict in {verdict.path} cannot be shown",
            expected="all that components.evaluate writes",
            got=f"no {', '.join(missing)}",
            remedy="write what is missing, or another file than verdict.json",
        )
    return content


def _judged_examples(
    root: Path, ledger: Ledger, executions: Sequence[Execution]
) -> Examples | None:
    """Those that fed the step which gave the last verdict: its images are named by place."""
    for execution in reversed(executions):
        made = ledger.artifacts(execution.fingerprint).values()
        if any(kind == "Verdict" for kind, _ in made):
            sources = [link.source for link in ledger.lineage(execution.fingerprint)]
            found = (a for source in sources for a in remembered(root, ledger, source))
            return next((a for a in found if isinstance(a, Examples)), None)
    return None


def _read_history(model: Model | None) -> tuple[dict[str, Any] | None, str]:
    """Read a model's training history; if it cannot be used, return why."""
    if model is None or not (model.path / "history.json").exists():
        return None, ""
    try:
        return read_document(model.path / "history.json"), ""
    except BadDataError as error:
        return None, f"The training history cannot be shown: {error.brief}."


def _lineage(folder: Path, ledger: Ledger, executions: Sequence[Execution]) -> tuple[Made, ...]:
    steps = {execution.fingerprint: execution.step for execution in executions}
    said = summaries(folder)

    def inputs(fingerprint: str) -> tuple[str, ...]:
        return tuple(
            f"{link.input}: {steps.get(link.source, ledger.component(link.source))}.{link.output}"
            for link in ledger.lineage(fingerprint)
        )

    return tuple(
        Made(
            step=execution.step,
            component=execution.component,
            fingerprint=execution.fingerprint,
            status=execution.status,
            seconds=execution.seconds,
            summary=execution.error or said.get(execution.step, ""),
            inputs=inputs(execution.fingerprint),
        )
        for execution in executions
    )


def _push(
    ledger: Ledger, verdict: Verdict | None, executions: Sequence[Execution]
) -> dict[str, Any] | None:
    """What became of the model: pushed by hand since, or what the run itself did."""
    by_hand = ledger.pushes(verdict.model_digest) if verdict else []
    if by_hand:
        last = by_hand[-1]
        return {"pushed": True, "version": last.version, "served_path": last.served_path}
    for execution in reversed(executions):
        for kind, facts in ledger.artifacts(execution.fingerprint).values():
            if kind == "Push":
                return dict(facts)
    return None
