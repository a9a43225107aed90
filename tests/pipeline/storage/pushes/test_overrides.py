"""What an override of a push covers: the same rules, needing the same."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.storage.pushes.overrides import (
    applies_to,
    covers,
    find_unmet_rules,
    read_overruled_rules,
)


def rule(name: str, needed: str, status: str) -> dict[str, Any]:
    return {"name": name, "needed": needed, "status": status}


def verdict(*rules: dict[str, Any], status: str = "failed", override: Any = None) -> dict[str, Any]:
    found = {"status": status, "rules": list(rules)}
    return found if override is None else {**found, "override": {"rules": override}}


FLOOR = rule("accuracy overall", "at least 0.99", "failed")
HIGHER = rule("accuracy overall", "at least 0.999", "failed")
MET = rule("accuracy overall", "at least 0.99", "passed")
FEW = rule("accuracy each class", "at least 0.9", "not enough data")
NONE_SET = verdict(MET, status="not configured")
BY_HAND = {"accuracy overall": "at least 0.99", "accuracy each class": "at least 0.9"}
NO_FLOOR = {"not configured": ""}


def test_what_is_not_met_is_failed_or_cannot_be_answered() -> None:
    assert find_unmet_rules(verdict(MET, FEW)) == {"accuracy each class": FEW}


def test_what_was_overruled_stands_beside_a_pushed_version() -> None:
    pushed = verdict(FLOOR, FEW, override=["accuracy each class", "accuracy overall"])
    assert read_overruled_rules(pushed) == BY_HAND
    assert read_overruled_rules({**NONE_SET, "override": {"rules": ["not configured"]}}) == NO_FLOOR
    assert read_overruled_rules(verdict(FLOOR)) == {}


@pytest.mark.parametrize(
    ("rules", "now", "concerned"),
    [
        (BY_HAND, verdict(FLOOR, FEW), True),
        (BY_HAND, verdict(MET, FEW, status="passed"), True),  # more careful than it need be
        (BY_HAND, verdict(HIGHER, FEW), False),
        (BY_HAND, verdict(FLOOR), False),
        (NO_FLOOR, NONE_SET, True),
        ({}, verdict(FLOOR), False),
        (BY_HAND, {"accuracy": 0.9}, False),
    ],
)
def test_an_override_is_listed_beside_a_verdict_with_its_rules(rules, now, concerned) -> None:
    assert applies_to(rules, now) == concerned


@pytest.mark.parametrize(
    ("rules", "now", "covered"),
    [
        (BY_HAND, verdict(FLOOR, FEW), True),
        (BY_HAND, verdict(FLOOR), True),
        (BY_HAND, verdict(HIGHER), False),
        (BY_HAND, verdict(FLOOR, rule("parity", "at most 0", "failed")), False),
        (BY_HAND, NONE_SET, False),
        ({}, verdict(MET, FEW), False),
        (BY_HAND, verdict(MET, status="passed"), False),
        ({"accuracy overall": "at least 0.99"}, verdict(FLOOR, FEW), False),
        (NO_FLOOR, NONE_SET, True),
        (NO_FLOOR, verdict(FLOOR), False),
        (NO_FLOOR, {**NONE_SET, "rules": [FEW]}, False),
        (BY_HAND, {"accuracy": 0.9}, False),  # of your own evaluate
    ],
)
def test_an_override_covers_the_same_rules_needing_the_same(rules, now, covered) -> None:
    assert covers(rules, now) == covered
