"""The report as one HTML file that needs nothing else: no network, no script, no other file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from components.report.html import charts, comparison, confusion, number_formats
from components.report.html.facts import Facts
from components.report.html.mistakes import mistakes
from data.base.visible_text import escape_controls


def render(facts: Facts) -> str:
    """The page of a run. The same facts give the same page.

    Names of classes, slices, rules and paths are anybody's text: all of it is escaped, and the page
    forbids itself to run scripts or to load anything. What would act unseen is written out.

    Args:
        facts: its verdict, if there is one, is of schema 3.
    """
    page = _environment().get_template("report.html.j2").render(facts=facts, **_views(facts))
    # A path may hold bytes that are no UTF-8, which Python keeps as lone surrogates.
    return page.encode("utf-8", "backslashreplace").decode("utf-8")


def _views(facts: Facts) -> dict[str, Any]:
    """What the template needs that has to be computed."""
    curves = charts.learning_curves(facts.history)
    verdict = facts.verdict
    if verdict is None:
        return {"verdict": None, "curves": curves}
    classes, slices = (comparison.compared(verdict, group) for group in ("classes", "slices"))
    return {
        "verdict": verdict,
        "curves": curves,
        "rule_groups": comparison.rule_groups(verdict["rules"]),
        "ranks": comparison.ranks(verdict["metrics"]["candidate"]["overall"]),
        "classes": classes,
        "slices": slices,
        "axis": comparison.axis([*classes, *slices]),
        "matrix": confusion.matrix(verdict),
        "difference": confusion.difference(verdict),
        "confusions": confusion.confusions(verdict),
        "without_class": confusion.without_class(verdict),
        "reliability": charts.reliability(verdict["calibration"]),
        "mistakes": mistakes(verdict, facts.examples),
    }


def _visible(value: Any) -> Any:
    """What an expression of a template gives, as a person may read it."""
    if isinstance(value, str):
        return type(value)(escape_controls(value))  # a str, or Markup
    return value


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        finalize=_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    printed = (
        number_formats.number,
        number_formats.interval,
        number_formats.count,
        number_formats.percent,
        number_formats.change,
        number_formats.signed,
        number_formats.signed_count,
        number_formats.seconds,
        number_formats.moment,
        number_formats.spans,
    )
    environment.filters |= {function.__name__: function for function in printed}
    return environment
