"""Render the report as one HTML file that needs no network, no script and no other file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from components.report.html import charts, comparison, confusion, number_formats
from components.report.html.facts import Facts
from components.report.html.missing_files import list_missing_files
from components.report.html.mistakes import collect_mistakes
from data.base.visible_text import escape_controls


def render(facts: Facts) -> str:
    """Render the page of a run. The same facts give the same page.

    Names of classes, slices, rules and paths may be any text: all of it is escaped, and the page
    forbids scripts and loads nothing. Control characters are shown as escapes.

    Args:
        facts: the verdict, if there is one, has schema 4.
    """
    page = (
        _make_environment()
        .get_template("report.html.j2")
        .render(facts=facts, **_compute_views(facts))
    )
    # A path may hold bytes that are not UTF-8, which Python keeps as lone surrogates.
    return page.encode("utf-8", "backslashreplace").decode("utf-8")


def _compute_views(facts: Facts) -> dict[str, Any]:
    """Compute the values that the template needs besides the facts."""
    verdict = facts.verdict
    always = {
        "verdict": verdict,
        "curves": charts.plot_learning_curves(facts.history),
        "missing_files": list_missing_files(facts.examples),
    }
    if verdict is None:
        return always
    classes, slices = (comparison.compare_groups(verdict, group) for group in ("classes", "slices"))
    return {
        **always,
        "rule_groups": comparison.group_rules(verdict["rules"]),
        "ranks": comparison.choose_ranks(verdict["metrics"]["candidate"]["overall"]),
        "classes": classes,
        "slices": slices,
        "axis": comparison.choose_axis([*classes, *slices]),
        "matrix": confusion.make_matrix(verdict),
        "difference": confusion.make_difference(verdict),
        "confusions": confusion.list_confusions(verdict),
        "without_class": confusion.count_without_class(verdict),
        "reliability": charts.plot_reliability(verdict["calibration"]),
        "mistakes": collect_mistakes(verdict, facts.examples),
    }


def _make_visible(value: Any) -> Any:
    """Escape control characters in the value of an expression."""
    if isinstance(value, str):
        return type(value)(escape_controls(value))  # a str, or Markup
    return value


@cache
def _make_environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        finalize=_make_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (
        number_formats.format_number,
        number_formats.format_interval,
        number_formats.format_count,
        number_formats.format_percent,
        number_formats.format_change,
        number_formats.format_signed,
        number_formats.format_signed_count,
        number_formats.format_seconds,
        number_formats.format_moment,
        number_formats.format_spans,
    )
    names = {function.__name__.removeprefix("format_"): function for function in filters}
    environment.filters |= names
    return environment
