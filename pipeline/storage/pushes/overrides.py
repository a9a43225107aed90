"""What a person overruled when a model was pushed against its verdict."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

NOT_CONFIGURED = "not configured"  # stands for the rule that somebody should have set


def find_unmet_rules(verdict: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Name -> rule, of the rules of a `verdict.json` that are not met or cannot be answered."""
    return {
        rule["name"]: rule
        for rule in verdict.get("rules", ())
        if rule["status"] in ("failed", "not enough data")
    }


def read_overruled_rules(pushed: Mapping[str, Any]) -> dict[str, str]:
    """What was overruled: rule -> what it needed, of the `verdict.json` beside a pushed version."""
    names = (pushed.get("override") or {}).get("rules", ())
    return get_requirements(pushed, names)


def get_requirements(verdict: Mapping[str, Any], names: Collection[str]) -> dict[str, str]:
    """Rule -> what it needs, of these rules of a `verdict.json`."""
    needed = _needed(verdict)
    return {name: needed.get(name, "") for name in names}


def applies_to(overruled: Mapping[str, str], verdict: Mapping[str, Any]) -> bool:
    """Whether an override is of rules that a verdict has, needing the same, met or not."""
    return bool(overruled) and overruled.items() <= _needed(verdict).items()


def _needed(verdict: Mapping[str, Any]) -> dict[str, str]:
    rules = {rule["name"]: rule["needed"] for rule in verdict.get("rules", ())}
    return {**rules, NOT_CONFIGURED: ""}


def covers(overruled: Mapping[str, str], verdict: Mapping[str, Any]) -> bool:
    """Whether an override is about everything that a verdict holds against its model.

    A rule is the same where its name and what it needs are: who overruled "at least 0.99" has not
    seen "at least 0.999".

    Args:
        overruled: rule -> what it needed.
        verdict: of the same model, perhaps made later and by other rules.
    """
    against = {name: rule["needed"] for name, rule in find_unmet_rules(verdict).items()}
    if verdict.get("status") == NOT_CONFIGURED:
        against[NOT_CONFIGURED] = ""
    return bool(against) and against.items() <= overruled.items()
