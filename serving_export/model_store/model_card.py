"""Write the model card of a pushed model: its inputs, training, evaluation and signatures."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from data.base.visible_text import escape_controls
from data.files.documents import add_schema_number
from data.geometry import FORMAT_NAMES
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
    ENCODED: "image files, each the file's bytes; (batch,) string",
    IMAGES: "pixels of the input's size, 0 to 255; (batch, height, width, channels) uint8",
    EXAMPLES: "serialized tf.Examples, in the bytes feature `image` the pixels, or where there is "
    "a feature `format`, the file; (batch,) string",
}
_OUTPUTS = {
    PROBABILITIES: "of all classes, in the order of the classes; (batch, classes) float32",
    CLASS_INDEX: "of the most probable class, from 0; (batch,) int64",
    CLASS_NAME: "of the most probable class; (batch,) string",
}
_FITS = {
    "exact": "A file of another size is refused.",
    "stretch": "A file of another size is stretched to this one",
    "pad": "A file of another size is scaled to lie in this one, and the background fills the rest",
    "crop": "A file of another size is scaled to cover this one, and what is outside its centre is "
    "cut off",
}
_ORIENTATIONS = {
    "apply": "An EXIF orientation is applied.",
    "ignore": "An EXIF orientation is ignored.",
    "refuse": "A file with an EXIF orientation is refused.",
}
_RULE = ("name", "needed", "status", "reason")  # the keys of a verdict's rules that the card has


def make_card(manifest: Manifest, digest: str, verdict: Mapping[str, Any] | None) -> dict[str, Any]:
    """Make the card as JSON-able facts.

    Args:
        manifest: of the model's bundle.
        digest: of the bundle.
        verdict: the content of `verdict.json`; None for a model that was not evaluated. Missing
            keys are missing in the card too.
    """
    spec = manifest.spec
    card = {
        "description": "an image classifier: a TensorFlow SavedModel with its preprocessing",
        "input": {
            "height": spec.height,
            "width": spec.width,
            "channels": spec.channels,
            "files": ", ".join(FORMAT_NAMES[name] for name in spec.geometry.formats),
            "geometry": asdict(spec.geometry),
        },
        "classes": list(spec.class_names),
        "training": manifest.metadata,
        "verdict": None if verdict is None else _summarize_verdict(verdict),
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


def _summarize_verdict(verdict: Mapping[str, Any]) -> dict[str, Any]:
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
    """Format a card of `make_card` as a page of Markdown."""
    size = card["input"]
    lines = [
        "# Model card",
        "",
        f"This is {card['description']}. It was written by Penstock; digest `{card['digest']}`.",
        "",
        "## Input",
        "",
        f"Images {size['height']} pixels high, {size['width']} wide, with {size['channels']} "
        f"channel{'s' if size['channels'] > 1 else ''} of 8 bits.",
        "",
        *_format_geometry(size),
        "",
        f"## Classes ({len(card['classes'])})",
        "",
        *(f"{index}. {_escape(name)}" for index, name in enumerate(card["classes"])),
        "",
        "## Training",
        "",
        *(f"- {_escape(key)}: {_escape(value)}" for key, value in card["training"].items()),
        "",
        "## Verdict",
        "",
        *_format_verdict(card["verdict"]),
        "",
        "## Calls",
        "",
        *_format_signatures(card["signatures"]),
    ]
    return "\n".join(lines) + "\n"


def _format_geometry(size: Mapping[str, Any]) -> Iterator[str]:
    geometry = size["geometry"]
    yield f"- Files: {size['files']}; at most {geometry['max_megapixels']:g} megapixels."
    words = _FITS[geometry["fit"]]
    if geometry["fit"] != "exact":
        antialias = " with antialiasing" if geometry["antialias"] else ""
        words += f"; {geometry['interpolation']} interpolation{antialias}."
    yield f"- {words}"
    yield f"- {_ORIENTATIONS[geometry['orientation']]}"
    red, green, blue = geometry["background"]
    yield f"- Background, also behind transparent pixels: {red}, {green}, {blue} (RGB)."


def _format_verdict(verdict: Mapping[str, Any] | None) -> Iterator[str]:
    if verdict is None:
        yield "This model was not evaluated."
        return
    yield f"Status: **{_escape(verdict['status'])}**."
    if verdict["accuracy"] is not None:
        low, high = verdict["accuracy_interval"] or (None, None)
        between = "" if low is None else f" ({low:.4f} to {high:.4f})"
        yield f"Accuracy {verdict['accuracy']:.4f}{between} on {verdict['examples']} images."
    if verdict["override"]:
        yield f"Pushed against the verdict: {_escape(verdict['override'])}."
    if verdict["rules"]:
        yield from ("", "| rule | required | status | reason |", "|---|---|---|---|")
    for rule in verdict["rules"]:
        yield "| " + " | ".join(_escape(rule[key]) for key in _RULE) + " |"


def _format_signatures(signatures: Mapping[str, Any]) -> Iterator[str]:
    for signature, call in signatures.items():
        yield f"- signature `{signature}`, input `{call['input']}`: {call['input_format']}"
    yield from ("", "Each answers with these outputs, by name:", "")
    for name, description in next(iter(signatures.values()))["outputs"].items():
        yield f"- `{name}`: {description}"


def _escape(value: object) -> str:
    """Escape a value for Markdown, in one line."""
    plain = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return re.sub(r"([\\`*_\[\]<>#|&~])", r"\\\1", escape_controls(" ".join(plain.split())))
