"""Push a run's model by hand, where the verdict allows it or a person overrides its rules."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from components.artifacts import Model, Verdict
from components.context import Context
from components.export import Config, check_parity_and_push, get_login_name
from data.errors import BadDataError, ConfigError, suggest_names
from pipeline.config.convert import from_plain
from pipeline.storage.artifact_lookup import find_judged_model, find_verdict, read_verdict
from pipeline.storage.ledger import Ledger
from pipeline.storage.pushes.overrides import NOT_CONFIGURED, find_unmet_rules, get_requirements
from pipeline.storage.tables import Pushed, Run

ALL = "all"  # every rule that is not met, except the sanity rules


def push_run(
    root: Path,
    run_id: str,
    *,
    serving_dir: Path | None,
    override: Collection[str],
    reason: str | None,
    by: str | None,
) -> tuple[int, Path]:
    """Push the model of a run whose verdict is passed, or whose unmet rules are all overridden.

    Args:
        root: the root of the run.
        run_id: as in `penstock show`.
        serving_dir: where to push; `<root>/serving` if None.
        override: names of rules to override; "all" stands for those that are not met, except
            sanity rules, which must be named.
        reason: why; needed with `override`.
        by: who decides; the login name if None.

    Returns:
        The version and its folder.

    Raises:
        ConfigError: there is no such run or rule, an unmet rule is not overridden, or the reason
            is missing.
        BadDataError: the run has no verdict, or it or the model was deleted or changed.
        EnvironmentTrouble, StepError: as `components.export.check_parity_and_push`.
    """
    with Ledger.existing(root) as ledger:
        run = ledger.find_run(run_id)
        model, verdict = _load_candidate(root, ledger, run)
        content = read_verdict(ledger, verdict)
        rules = _check_override(content, override, reason or "")
        who, now = by or get_login_name(), time.time()
        facts = {"by": who, "reason": reason or ""}
        if rules:
            content["override"] = {"rules": rules, **facts, "time": now}
        context = Context(
            output_dir=root,  # nothing is written there
            serving_dir=(serving_dir or root / "serving").resolve(),
            log_dir=root / "runs" / run.id,
        )
        _, version, served = check_parity_and_push(
            model, verdict, content, _find_export_config(run), context, override=rules, **facts
        )
        push = Pushed(
            run_id=run.id,
            digest=model.digest,
            version=version,
            served_path=str(served),
            time=now,
            rules=get_requirements(content, rules),
            **facts,
        )
        ledger.record_push(push)
    return version, served


def _load_candidate(root: Path, ledger: Ledger, run: Run) -> tuple[Model, Verdict]:
    verdict = find_verdict(root, ledger, run.id, verify=True)
    model = find_judged_model(root, ledger, verdict) if verdict else None
    if verdict is None or model is None:
        missing = "model" if verdict else "verdict"
        raise BadDataError(
            f"there is no {missing} of the run {run.id} to push",
            expected="a run that completed evaluate, and its artifacts in the root",
            got=f"no {missing}; the run's status is {run.status}",
            follows="nothing was pushed",
            remedy="run the recipe again, which makes missing artifacts again",
        )
    return model, verdict


def _check_override(content: dict[str, Any], override: Collection[str], reason: str) -> list[str]:
    """Return the names of the rules to override: every unmet rule must be among them."""
    rules = {rule["name"]: rule for rule in content["rules"]}
    against = find_unmet_rules(content)
    for name in override:
        if name not in (ALL, NOT_CONFIGURED) and name not in rules:
            raise ConfigError(
                f"the verdict has no rule {name!r}",
                follows="nothing was pushed",
                remedy=suggest_names(name, [*rules, ALL]),
            )
    not_sanity = {name for name, rule in against.items() if rule["kind"] != "sanity"}
    named = set(override) | (not_sanity if ALL in override else set())
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
    if named - {ALL} and not reason.strip():
        raise ConfigError(
            "an override needs a reason",
            expected='--reason "…"',
            got="no reason",
            follows="nothing was pushed",
        )
    return sorted(named - {ALL})


def _find_export_config(run: Run) -> Config:
    """Return the config of the run's export step, whatever its name is."""
    for plain in run.config.values():
        if isinstance(plain, dict) and "model_name" in plain and "keep_versions" in plain:
            return from_plain(plain, Config, "export")
    raise ConfigError(
        f"the pipeline of the run {run.id} does not say where to push",
        expected="a step of components.export",
        got="no such step",
        follows="nothing was pushed",
        remedy="add an export step to the pipeline and run it",
    )
