"""`penstock span …`: what data there is of a pattern, and what of it somebody leaves out."""

from __future__ import annotations

import time
from pathlib import Path

import click

from pipeline.commands.frame import Group, cli, recipe_options, root_option
from pipeline.commands.launching import configured


@cli.group(cls=Group)
def span() -> None:
    """Look at the spans of a recipe's data, and leave wrong ones out.

    They are what fits a pattern such as --set ingest.path='/data/day-{YYYY}-{MM}-{DD}'.
    """


@span.command(
    "list",
    examples="""
    penstock span list mnist --config nightly.toml
    penstock span list mnist --set ingest.source=idx --set ingest.path='/data/span-{SPAN}'
    """,
)
@recipe_options
@root_option
def list_(recipe: str, config_file: Path | None, settings: tuple[str, ...], root: Path) -> None:
    """List the spans of RECIPE, the oldest first: version, state, images, when ingested.

    A span is usable, arriving (still being copied), excluded, or unreadable until its files change.
    """
    from pipeline.span_command import show_spans

    pipeline, _ = configured(recipe, config_file, settings)
    show_spans(pipeline, root, now=time.time())


@span.command(
    examples="""
    penstock span exclude 2026-11-20 mnist --config nightly.toml --reason "labels shuffled" --by ana
    """
)
@click.argument("span", metavar="SPAN")
@recipe_options
@root_option
@click.option("--reason", required=True, help="Why: it is shown wherever the span is missing.")
@click.option("--by", required=True, metavar="NAME", help="Who says so.")
def exclude(
    span: str,
    recipe: str,
    config_file: Path | None,
    settings: tuple[str, ...],
    root: Path,
    reason: str,
    by: str,
) -> None:
    """Leave SPAN out of every window of RECIPE's pattern, until it is included again."""
    from pipeline.span_command import exclude_span

    pipeline, _ = configured(recipe, config_file, settings)
    exclude_span(pipeline, root, span, reason=reason, by=by, now=time.time())


@span.command(examples="penstock span include 2026-11-20 mnist --config nightly.toml")
@click.argument("span", metavar="SPAN")
@recipe_options
@root_option
def include(
    span: str, recipe: str, config_file: Path | None, settings: tuple[str, ...], root: Path
) -> None:
    """Let windows take SPAN again that was excluded, or that could not be read."""
    from pipeline.span_command import include_span

    pipeline, _ = configured(recipe, config_file, settings)
    include_span(pipeline, root, span)
