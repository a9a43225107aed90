"""`penstock push`: push a run's model by hand, where the verdict allows it or is overridden."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from components.artifacts import Model, Verdict
from components.context import Context
from components.export import Config, check_parity_and_push, get_login_name
from data.errors import BadDataError, ConfigError, did_you_mean
from pipeline.config.convert import from_plain
from pipeline.storage.artifact_lookup import judged_model, verdict_content, verdict_of
from pipeline.storage.ledger import Ledger, Pushed, Run
from pipeline.storage.pushes.overrides import NOT_CONFIGURED, needs, unmet

ALL = "all"  # every rule that is not met, but for the sanity rules


def push_run(
    root: Path,
    run_id: str,
    *,
    serving_dir: Path | None,
    override: Collection[str],
    reason: str | None,
    by: str | None,
) -> tuple[int, Path]:
    """Push the model of a run whose verdict is passed, or every failing rule of which is named.

    Args:
        root: where it ran.
        run_id: as in `penstock show`.
        serving_dir: where to; `<root>/serving` if None.
        override: rules to overrule, by their names; "all" stands for those that are not met, but
            a sanity rule must be named itself.
        reason: why; must be given with `override`.
        by: who decides; the login name if None.

    Returns:
        The version and its folder.

    Raises:
        ConfigError: no such run; a rule that is not met and not named; a name that is no rule; no
            reason.
        BadDataError: the run has no verdict, or it or its model was deleted or changed.
        EnvironmentTrouble, StepError: as `components.export.check_parity_and_push`.
    """
    with Ledger.existing(root) as ledger:
        run = ledger.find_run(run_id)
        model, verdict = _candidate(root, ledger, run)
        content = verdict_content(ledger, verdict)
        rules = _overruled(content, override)
        if rules and not (reason or "").strip():
            raise ConfigError(
                "an override needs a reason", expected='--reason "…"', follows="nothing was pushed"
            )
        who, now = by or get_login_name(), time.time()
        why = {"by": who, "reason": reason or "", "override": rules}
        if rules:
            content["override"] = {"rules": rules, "by": who, "reason": reason, "time": now}
        context = Context(
            output_dir=root,  # nothing is written there
            serving_dir=(serving_dir or root / "serving").resolve(),
            log_dir=root / "runs" / run.id,
        )
        _, version, served = check_parity_and_push(
            model, verdict, content, _config(run), context, **why
        )
        ledger.record_push(
            Pushed(
                run_id=run.id,
                digest=model.digest,
                version=version,
                served_path=str(served),
                time=now,
                by=who,
                reason=reason or "",
                rules=needs(content, rules),
            )
        )
    return version, served


def _candidate(root: Path, ledger: Ledger, run: Run) -> tuple[Model, Verdict]:
    verdict = verdict_of(root, ledger, run.id, verify=True)
    model = judged_model(root, ledger, verdict) if verdict else None
    if verdict is None or model is None:
        raise BadDataError(
            f"the run {run.id} has left no {'model' if verdict else 'verdict'}",
            expected="a run that got past evaluate, its artifacts still there",
            got=run.status,
            follows="nothing was pushed",
            remedy="run the recipe again: what is missing is made anew",
        )
    return model, verdict


def _overruled(content: dict[str, Any], override: Collection[str]) -> list[str]:
    """The rules that the override is about; all that are not met must be among them."""
    rules = {rule["name"]: rule for rule in content["rules"]}
    against = unmet(content)
    for name in override:
        if name not in (ALL, NOT_CONFIGURED) and name not in rules:
            raise ConfigError(
                f"the verdict has no rule {name!r}", remedy=did_you_mean(name, [*rules, ALL])
            )
    usual = {name for name, rule in against.items() if rule["kind"] != "sanity"}
    named = set(override) | (usual if ALL in override else set())
    missing = [name for name in against if name not in named]
    if content["status"] == NOT_CONFIGURED and not override:
        missing.append(NOT_CONFIGURED)
    if missing:
        raise ConfigError(
            "the verdict does not allow this push",
            expected="a passed verdict, or an override of each rule that is not met",
            got="; ".join([against[n]["text"] if n in against else n for n in missing]),
            follows="nothing was pushed",
            remedy=" ".join(f'--override "{name}"' for name in missing) + ' --reason "…"',
        )
    return sorted(named - {ALL})


def _config(run: Run) -> Config:
    """The run's own config of Export, whatever the step is called."""
    for plain in run.config.values():
        if isinstance(plain, dict) and "model_name" in plain and "keep_versions" in plain:
            return from_plain(plain, Config, "export")
    raise ConfigError(
        f"the pipeline of {run.id} has no export, so it is not known where to push to",
        expected="a step of components.export",
    )
