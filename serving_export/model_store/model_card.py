"""A model card: what a pushed model is, how it was trained and judged, and how it is called."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from data.base.visible_text import escape_controls
from data.files.documents import add_schema_number
from serving_export.bundle.manifest import (
    CLASS_INDEX,
    CLASS_NAME,
    ENCODED,
    EXAMPLES,
    IMAGES,
    PROBABILITIES,
    SIGNATURES,
    Manifest,
)

_INPUT_FORMATS = {
    ENCODED: "PNG or JPEG files, each the file's bytes; (batch,) string",
    IMAGES: "pixels, 0 to 255; (batch, height, width, channels) uint8",
    EXAMPLES: "serialized tf.Examples, the pixels as the bytes feature `image`; (batch,) string",
}
_OUTPUTS = {
    PROBABILITIES: "of each class, in the order of the classes; (batch, classes) float32",
    CLASS_INDEX: "of the likeliest class, from 0; (batch,) int64",
    CLASS_NAME: "of the likeliest class; (batch,) string",
}
_RULE = ("name", "needed", "status", "reason")  # of each rule of a verdict, what the card has


def make_card(manifest: Manifest, digest: str, verdict: Mapping[str, Any] | None) -> dict[str, Any]:
    """The card as JSON-able facts.

    Args:
        manifest: of the model's bundle.
        digest: of the bundle.
        verdict: what `verdict.json` has; None where nobody judged. Whatever it lacks, the card
            lacks too.
    """
    spec = manifest.spec
    card = {
        "description": "an image classifier: a TensorFlow SavedModel with its preprocessing",
        "input": {"height": spec.height, "width": spec.width, "channels": spec.channels},
        "classes": list(spec.class_names),
        "training": manifest.metadata,
        "verdict": None if verdict is None else _judged(verdict),
        "digest": digest,
        "signatures": {
            signature: {
                "input": name,
                "input_format": _INPUT_FORMATS[signature],
                "outputs": _OUTPUTS,
            }
            for signature, name in SIGNATURES.items()
        },
    }
    return add_schema_number("model_card.json", card)


def _judged(verdict: Mapping[str, Any]) -> dict[str, Any]:
    metrics = verdict.get("metrics") or {}
    overall = (metrics.get("candidate") or {}).get("overall") or {}
    data, baseline = verdict.get("data") or {}, verdict.get("baseline") or {}
    return {
        "status": verdict.get("status"),
        "accuracy": overall.get("accuracy"),
        "accuracy_interval": overall.get("accuracy_interval"),
        "confidence": verdict.get("confidence"),
        "examples": overall.get("examples"),
        "split": data.get("split"),
        "data_digest": data.get("digest"),
        "baseline_digest": baseline.get("digest"),
        "rules": [{key: rule.get(key) for key in _RULE} for rule in verdict.get("rules") or []],
        "override": verdict.get("override"),
    }


def format_card(card: Mapping[str, Any]) -> str:
    """The card as a page of Markdown, for people.

    Args:
        card: what `make_card` gives.
    """
    size = card["input"]
    lines = [
        "# Model card",
        "",
        f"This is {card['description']}. It was written by Penstock; digest `{card['digest']}`.",
        "",
        "## Input",
        "",
        f"Images {size['height']} pixels high, {size['width']} wide, with {size['channels']} "
        f"channel{'s' if size['channels'] > 1 else ''} of 8 bits. Nothing is resized.",
        "",
        f"## Classes ({len(card['classes'])})",
        "",
        *(f"{index}. {_text(name)}" for index, name in enumerate(card["classes"])),
        "",
        "## Training",
        "",
        *(f"- {_text(key)}: {_text(value)}" for key, value in card["training"].items()),
        "",
        "## Verdict",
        "",
        *_verdict_lines(card["verdict"]),
        "",
        "## Calls",
        "",
        *_call_lines(card["signatures"]),
    ]
    return "\n".join(lines) + "\n"


def _verdict_lines(judged: Mapping[str, Any] | None) -> Iterator[str]:
    if judged is None:
        yield "Nobody judged this model."
        return
    yield f"Status: **{_text(judged['status'])}**."
    if judged["accuracy"] is not None:
        low, high = judged["accuracy_interval"] or (None, None)
        between = "" if low is None else f" ({low:.4f} to {high:.4f})"
        yield f"Accuracy {judged['accuracy']:.4f}{between} on {judged['examples']} images."
    if judged["override"]:
        yield f"Pushed against the verdict: {_text(judged['override'])}."
    if judged["rules"]:
        yield from ("", "| rule | needed | status | seen |", "|---|---|---|---|")
    for rule in judged["rules"]:
        yield "| " + " | ".join(_text(rule[key]) for key in _RULE) + " |"


def _call_lines(signatures: Mapping[str, Any]) -> Iterator[str]:
    for signature, call in signatures.items():
        yield f"- signature `{signature}`, input `{call['input']}`: {call['input_format']}"
    yield from ("", "Each answers with these outputs, by name:", "")
    for name, what in next(iter(signatures.values()))["outputs"].items():
        yield f"- `{name}`: {what}"


def _text(value: object) -> str:
    """A value as text that no Markdown reader takes for markup, in one line."""
    plain = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return re.sub(r"([\\`*_\[\]<>#|&~])", r"\\\1", escape_controls(" ".join(plain.split())))
