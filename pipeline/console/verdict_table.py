"""Lay out a verdict for a person: the result, how accurate the model is, and each rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from components.evaluate.provenance import describe_spans
from pipeline.console.listing import Cell, Column, Fields, Listing

_COLOURS = {"passed": "green", "failed": "red", "not configured": "yellow"}
_MARKS = {
    "failed": ("✗", "red"),
    "not enough data": ("?", "red"),
    "passed": ("✓", "green"),
    "not applicable": ("–", "dim"),
}
_COLUMNS = (
    Column("", title=True),
    Column("rule", title=True),
    Column("needed", fold=24),
    Column("measured", fold=24),
)


def verdict_table(verdict: dict[str, Any], *, all_rules: bool = False) -> RenderableType:
    """Lay out the content of a `verdict.json`, as `components.evaluate.verdict` writes it.

    Args:
        verdict: schema 4.
        all_rules: also the sanity rules that hold, and where numbers come from.
    """
    parts: list[RenderableType] = [Fields(dict(_summary(verdict, all_rules)))]
    parts.append(Listing(_COLUMNS, _rows(verdict, all_rules)))
    if verdict["suspect_the_data"]:
        parts.append(Text(verdict["suspect_the_data"], "yellow"))
    if verdict["status"] == "not configured":
        parts.append("no rule sets a minimum, so nothing can be pushed: set evaluate.thresholds")
    if override := verdict.get("override"):
        parts.append(
            Text.assemble(
                ("pushed in spite of the verdict", "yellow"),
                f" by {override['by']}: {override['reason']} ",
                (f"({', '.join(override['rules'])})", "dim"),
            )
        )
    return Group(*parts)


def _summary(verdict: dict[str, Any], all_rules: bool) -> Iterator[tuple[str, Cell]]:
    """Yield label and text: the result, then the metrics, then what was measured by what."""
    status, candidate = verdict["status"], verdict["metrics"]["candidate"]
    yield (
        "verdict",
        Text.assemble(
            (status.upper(), f"bold {_COLOURS[status]}"),
            "" if verdict["baseline"] else "  no model was serving to compare with",
        ),
    )
    overall, weakest = candidate["overall"], verdict["weakest_class"]
    confidence = verdict["confidence"]
    yield "accuracy", f"{_accuracy(overall, confidence)}, {overall['examples']:,} images"
    if before := verdict["metrics"]["baseline"]:
        yield (
            "baseline",
            f"{_accuracy(before['overall'], confidence)}, {_name(verdict['baseline'])}",
        )
    if weakest:
        worst = candidate["classes"][weakest["name"]]
        images = f"class {weakest['name']}, {worst['examples']:,} images"
        yield "weakest", f"{_accuracy(worst, confidence)}, {images}"
    if overall["loss"] is not None:
        yield "loss", f"{overall['loss']:.4f}"
    data = verdict["data"]
    if spans := data.get("spans"):
        yield "data", ", ".join(filter(None, describe_spans(spans)))
    if all_rules:
        yield "model", verdict["model"]["digest"][:12]
        yield "examples", f"{data.get('digest', '')[:12]}, split {data['split']}"
        yield "code", ", ".join(f"{name} {version}" for name, version in verdict["code"].items())


def _rows(verdict: dict[str, Any], all_rules: bool) -> Iterator[Sequence[Cell]]:
    """Yield the rules, those that decided first; rules that say nothing share a row."""
    rules = verdict["rules"]
    sanity = [r for r in rules if r["kind"] == "sanity" and r["status"] == "passed"]
    listed = [r for r in rules if all_rules or r not in sanity]
    for status in _MARKS:
        if status != "not applicable":
            for rule in (r for r in listed if r["status"] == status):
                yield _mark(status), rule["name"], rule["needed"], rule["reason"]
    if sanity and not all_rules:
        yield _mark("passed"), f"{len(sanity)} sanity rules", "", "passed"
    idle: dict[str, list[str]] = {}
    for rule in (r for r in listed if r["status"] == "not applicable"):
        idle.setdefault(rule["reason"], []).append(rule["name"])
    for reason, names in idle.items():
        several = len(names) > 1
        yield (
            _mark("not applicable"),
            f"{len(names)} rules" if several else names[0],
            ", ".join(names) if several else "",
            f"not applicable: {reason}",
        )


def _mark(status: str) -> Text:
    return Text(*_MARKS[status])


def _accuracy(metrics: dict[str, Any], confidence: float) -> str:
    if metrics["accuracy"] is None:
        return "no examples"
    low, high = metrics["accuracy_interval"]
    return f"{metrics['accuracy']:.4f} ({confidence:.0%} interval {low:.4f} to {high:.4f})"


def _name(reference: dict[str, Any]) -> str:
    version = "" if reference["version"] is None else f"version {reference['version']}, "
    return f"{version}{reference['digest'][:12]}"
