from __future__ import annotations

import dataclasses
import json
from typing import Any, get_args

import pytest

from data.geometry import Fit, Geometry, Orientation
from data.spec import ImageSpec
from serving_export.bundle.manifest import Manifest
from serving_export.model_store.model_card import format_card, make_card

NAMES = ("zero", "<script>alert(1)</script>", "a|b", "*bold*", "ä\nö", "\x1b[2J\u202elapis")
MANIFEST = Manifest(
    spec=ImageSpec(height=8, width=9, channels=3, class_names=NAMES),
    model_digest="m" * 64,
    metadata={"epochs": 5, "seed": 3, "model": "dense", "warm_start": None},
    files={},
)
VERDICT: dict[str, Any] = {
    "status": "passed",
    "confidence": 0.95,
    "metrics": {
        "candidate": {
            "overall": {"accuracy": 0.9821, "accuracy_interval": [0.9635, 0.9913], "examples": 391}
        },
        "baseline": None,
    },
    "data": {"split": "test", "digest": "d" * 64},
    "baseline": {"digest": "b" * 64, "version": 2},
    "rules": [
        {
            "name": "accuracy, overall",
            "kind": "floor",
            "needed": "at least 0.94",
            "status": "passed",
            "reason": "seen 0.9821",
        }
    ],
}


def test_a_card_says_what_the_model_is_and_how_it_was_judged() -> None:
    card = json.loads(json.dumps(make_card(MANIFEST, "c" * 64, VERDICT), allow_nan=False))
    size = card["input"]
    assert (size["height"], size["width"], size["channels"]) == (8, 9, 3)
    assert size["geometry"]["fit"] == "exact"
    assert card["classes"] == list(NAMES)
    assert card["training"] == MANIFEST.metadata
    assert card["digest"] == "c" * 64
    judged = card["verdict"]
    assert (judged["status"], judged["accuracy"], judged["examples"]) == ("passed", 0.9821, 391)
    assert (judged["data_digest"], judged["baseline_digest"]) == ("d" * 64, "b" * 64)
    assert judged["rules"][0]["reason"] == "seen 0.9821"
    assert {name: call["input"] for name, call in card["signatures"].items()} == {
        "serving_default": "image_bytes",
        "images": "images",
        "examples": "examples",
    }
    outputs = ["probabilities", "class_index", "class_name"]
    assert all(list(call["outputs"]) == outputs for call in card["signatures"].values())


def test_the_page_says_the_same_and_no_name_is_markup() -> None:
    page = format_card(make_card(MANIFEST, "c" * 64, VERDICT))
    assert "Accuracy 0.9821 (0.9635 to 0.9913) on 391 images." in page
    assert "| accuracy, overall | at least 0.94 | passed | seen 0.9821 |" in page
    assert "8 pixels high, 9 wide, with 3 channels" in page
    assert "A file of another size is refused." in page
    assert "- epochs: 5" in page
    assert "c" * 64 in page
    assert "1. \\<script\\>alert(1)\\</script\\>" in page
    assert "2. a\\|b" in page
    assert "3. \\*bold\\*" in page
    assert "4. ä ö" in page
    assert "5. \\\\x1b\\[2J\\\\u202elapis" in page


@pytest.mark.parametrize("fit", get_args(Fit))
@pytest.mark.parametrize("orientation", get_args(Orientation))
def test_the_page_says_what_becomes_of_a_file(fit: Fit, orientation: Orientation) -> None:
    geometry = Geometry(fit=fit, orientation=orientation, background=(1, 2, 3), max_megapixels=12.5)
    spec = dataclasses.replace(MANIFEST.spec, geometry=geometry)
    card = make_card(dataclasses.replace(MANIFEST, spec=spec), "c" * 64, None)
    page = format_card(json.loads(json.dumps(card)))
    assert "at most 12.5 megapixels" in page
    assert ("bilinear interpolation with antialiasing" in page) == (fit != "exact")
    assert {"apply": "applied", "ignore": "ignored", "refuse": "orientation is refused"}[
        orientation
    ] in page
    assert "1, 2, 3 (RGB)" in page


@pytest.mark.parametrize(
    "verdict",
    [
        None,
        {},
        {"status": "not configured", "metrics": None, "rules": None, "baseline": None},
        {"status": "failed", "metrics": {"candidate": {"overall": {"accuracy": None}}}},
        {**VERDICT, "override": {"by": "ann", "reason": "we know", "rules": ["parity"]}},
    ],
)
def test_what_a_verdict_lacks_the_card_lacks(verdict: dict[str, Any] | None) -> None:
    card = make_card(MANIFEST, "c" * 64, verdict)
    page = format_card(json.loads(json.dumps(card)))
    if verdict is None:
        assert card["verdict"] is None
        assert "This model was not evaluated." in page
    elif "override" in verdict:
        assert 'Pushed against the verdict: {"by": "ann"' in page
    else:
        assert card["verdict"]["rules"] == []
        assert "Accuracy" not in page
