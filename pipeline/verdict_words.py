"""A verdict as a person reads it: how good, where weakest, and each rule with number and need."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

_COLOURS = {"passed": "green", "failed": "red", "not configured": "yellow"}


def verdict_table(verdict: dict[str, Any]) -> RenderableType:
    """The content of a `verdict.json`, as `components.gate.judge` makes it."""
    summary = Table.grid(padding=(0, 2))
    overall, weakest = verdict["overall"], verdict["weakest_class"]
    summary.add_row("accuracy", _proportion(overall), f"{overall['examples']:,} images")
    worst = verdict["classes"][weakest["name"]]
    name = escape(weakest["name"])
    summary.add_row("weakest", _proportion(worst), f"class {name}, {worst['examples']:,} images")
    if overall["loss"] is not None:
        summary.add_row("loss", f"{overall['loss']:.4f}")
    status = verdict["status"]
    summary.add_row("verdict", f"[bold {_COLOURS[status]}]{status.upper()}[/]", _baseline(verdict))
    rules = Table.grid(padding=(0, 2))
    for rule in verdict["rules"]:
        seen = "no number" if rule["seen"] is None else f"{rule['seen']:.6g}"
        at = "" if rule["at"] == rule["on"] else f"(class {escape(rule['at'])})"
        mark = "[green]✓[/]" if rule["passed"] else "[red]✗[/]"
        subject = f"{rule['metric']}, {escape(rule['on'])}"
        rules.add_row(f"  {mark}", subject, rule["needed"], f"seen {seen} {at}")
    if not verdict["rules"]:
        rules.add_row("  no rule is set, so nothing may be pushed: set evaluate.thresholds")
    return Group(summary, rules)


def _proportion(metrics: dict[str, Any]) -> str:
    if metrics["accuracy"] is None:
        return "no examples"
    low, high = metrics["accuracy_interval"]
    return f"{metrics['accuracy']:.4f}  [dim]({low:.4f} - {high:.4f})[/]"


def _baseline(verdict: dict[str, Any]) -> str:
    confidence = f"intervals of {verdict['confidence']:.0%}"
    return f"[dim]{confidence}; no baseline[/]" if verdict["baseline"] is None else confidence
