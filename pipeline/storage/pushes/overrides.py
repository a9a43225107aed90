"""Compares the rules of a verdict with the rules that a manual push overruled."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

NOT_CONFIGURED = "not configured"  # the name of the rule that is missing in the configuration


def find_unmet_rules(verdict: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Name → rule, for the rules of a `verdict.json` that failed or lack data."""
    return {
        rule["name"]: rule
        for rule in verdict.get("rules", ())
        if rule["status"] in ("failed", "not enough data")
    }


def read_overruled_rules(pushed: Mapping[str, Any]) -> dict[str, str]:
    """Rule → requirement, for the overruled rules in the `verdict.json` of a pushed version."""
    names = (pushed.get("override") or {}).get("rules", ())
    return get_requirements(pushed, names)


def get_requirements(verdict: Mapping[str, Any], names: Collection[str]) -> dict[str, str]:
    """Rule → requirement, for these rules of a `verdict.json`."""
    needed = _needed(verdict)
    return {name: needed.get(name, "") for name in names}


def applies_to(overruled: Mapping[str, str], verdict: Mapping[str, Any]) -> bool:
    """Whether a verdict has all overruled rules, with the same requirements, met or not."""
    return bool(overruled) and overruled.items() <= _needed(verdict).items()


def _needed(verdict: Mapping[str, Any]) -> dict[str, str]:
    rules = {rule["name"]: rule["needed"] for rule in verdict.get("rules", ())}
    return {**rules, NOT_CONFIGURED: ""}


def covers(overruled: Mapping[str, str], verdict: Mapping[str, Any]) -> bool:
    """Whether an override covers every rule of a verdict that its model does not meet.

    A rule is the same if its name and its requirement are: an override of "at least 0.99" does not
    cover "at least 0.999".

    Args:
        overruled: rule → requirement.
        verdict: of the same model; it may be a later one, by other rules.
    """
    against = {name: rule["needed"] for name, rule in find_unmet_rules(verdict).items()}
    if verdict.get("status") == NOT_CONFIGURED:
        against[NOT_CONFIGURED] = ""
    return bool(against) and against.items() <= overruled.items()
