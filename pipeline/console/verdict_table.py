"""A verdict as a person reads it: how good, where weakest, and each rule with number and need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from components.evaluate.provenance import describe_spans

_COLOURS = {"passed": "green", "failed": "red", "not configured": "yellow"}
_MARKS = {
    "passed": "[green]✓[/]",
    "failed": "[red]✗[/]",
    "not enough data": "[red]?[/]",
    "not applicable": "[dim]–[/]",
}


def verdict_table(verdict: dict[str, Any], *, all_rules: bool = False) -> RenderableType:
    """The content of a `verdict.json`, as `components.evaluate.verdict` makes it.

    Args:
        verdict: schema 4.
        all_rules: also the sanity rules that hold, and where numbers come from.
    """
    summary = Table.grid(padding=(0, 2))
    overall, weakest = verdict["metrics"]["candidate"]["overall"], verdict["weakest_class"]
    summary.add_row("accuracy", _proportion(overall), f"{overall['examples']:,} images")
    before = verdict["metrics"]["baseline"]
    if before:
        summary.add_row("baseline", _proportion(before["overall"]), _name(verdict["baseline"]))
    if weakest:
        worst = verdict["metrics"]["candidate"]["classes"][weakest["name"]]
        of = f"class {escape(weakest['name'])}, {worst['examples']:,} images"
        summary.add_row("weakest", _proportion(worst), of)
    if overall["loss"] is not None:
        summary.add_row("loss", f"{overall['loss']:.4f}")
    if spans := verdict["data"].get("spans"):
        taken, left_out = describe_spans(spans)
        summary.add_row("data", escape(taken), escape(left_out))
    if all_rules:
        for row in _identities(verdict):
            summary.add_row(*row)
    status = verdict["status"]
    summary.add_row("verdict", f"[bold {_COLOURS[status]}]{status.upper()}[/]", _baseline(verdict))
    parts: list[RenderableType] = [summary, _rules(verdict, all_rules)]
    if verdict["suspect_the_data"]:
        parts.append(f"  [yellow]{escape(verdict['suspect_the_data'])}[/]")
    if status == "not configured":
        parts.append("  no floor is set, so nothing may be pushed: set evaluate.thresholds")
    override = verdict.get("override")
    if override:
        parts.append(
            f"  [yellow]pushed against it[/] by {escape(override['by'])}: "
            f"{escape(override['reason'])} [dim]({escape(', '.join(override['rules']))})[/]"
        )
    return Group(*parts)


def _rules(verdict: dict[str, Any], all_rules: bool) -> Table:
    table = Table.grid(padding=(0, 2))
    held = 0
    for rule in verdict["rules"]:
        usual = rule["kind"] == "sanity" and rule["status"] in ("passed", "not applicable")
        if usual and not all_rules:
            held += 1
            continue
        table.add_row(
            f"  {_MARKS[rule['status']]}",
            escape(rule["name"]),
            escape(rule["needed"]),
            escape(rule["reason"]),
        )
    if held:
        table.add_row(f"  {_MARKS['passed']}", f"{held} sanity rules", "", "hold")
    return table


def _identities(verdict: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Which model, on which data, by which code."""
    yield "model", verdict["model"]["digest"][:12], ""
    data = verdict["data"]
    yield "data", data.get("digest", "")[:12], f"split {data['split']}"
    yield "code", "", ", ".join(f"{name} {v}" for name, v in verdict["code"].items())


def _proportion(metrics: dict[str, Any]) -> str:
    if metrics["accuracy"] is None:
        return "no examples"
    low, high = metrics["accuracy_interval"]
    return f"{metrics['accuracy']:.4f}  [dim]({low:.4f} - {high:.4f})[/]"


def _name(reference: dict[str, Any]) -> str:
    version = "" if reference["version"] is None else f"version {reference['version']}, "
    return f"{version}{reference['digest'][:12]}"


def _baseline(verdict: dict[str, Any]) -> str:
    confidence = f"intervals of {verdict['confidence']:.0%}"
    if verdict["baseline"] is None:
        return f"[dim]{confidence}; no model served, so floors alone decided[/]"
    return f"[dim]{confidence}[/]"
