"""Interpret which rules a person overruled when pushing a model against its verdict."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

NOT_CONFIGURED = "not configured"  # stands for the rule that the recipe should have set


def find_unmet_rules(verdict: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Find the rules of a `verdict.json` that failed or have too little data: name → rule."""
    return {
        rule["name"]: rule
        for rule in verdict.get("rules", ())
        if rule["status"] in ("failed", "not enough data")
    }


def read_overruled_rules(pushed: Mapping[str, Any]) -> dict[str, str]:
    """Read from a pushed version's `verdict.json` what was overruled: rule → what it needed."""
    names = (pushed.get("override") or {}).get("rules", ())
    return get_requirements(pushed, names)


def get_requirements(verdict: Mapping[str, Any], names: Collection[str]) -> dict[str, str]:
    """Read what rules of a `verdict.json` need: name → need."""
    needed = _read_needs(verdict)
    return {name: needed.get(name, "") for name in names}


def applies_to(overruled: Mapping[str, str], verdict: Mapping[str, Any]) -> bool:
    """Whether a verdict has all overruled rules, each with the same need, met or not."""
    return bool(overruled) and overruled.items() <= _read_needs(verdict).items()


def _read_needs(verdict: Mapping[str, Any]) -> dict[str, str]:
    rules = {rule["name"]: rule["needed"] for rule in verdict.get("rules", ())}
    return {**rules, NOT_CONFIGURED: ""}


def covers(overruled: Mapping[str, str], verdict: Mapping[str, Any]) -> bool:
    """Whether all rules that a verdict's model does not meet are overruled.

    A rule is the same where its name and its need are: overruling "at least 0.99" is not
    overruling "at least 0.999".

    Args:
        overruled: rule → what it needed.
        verdict: of the same model, perhaps a later one with other rules.
    """
    missed = {name: rule["needed"] for name, rule in find_unmet_rules(verdict).items()}
    if verdict.get("status") == NOT_CONFIGURED:
        missed[NOT_CONFIGURED] = ""
    return bool(missed) and missed.items() <= overruled.items()
