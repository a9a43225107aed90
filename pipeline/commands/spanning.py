"""`penstock span …`: what data there is of a pattern, and what of it somebody leaves out."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.frame import Group, cli, config_options, root_option

if TYPE_CHECKING:
    from pipeline.graph import PipelineConfig


def _whose(function: Callable[..., Any]) -> Callable[..., Any]:
    """Whose data it is: a recipe's, or a schedule's."""
    named = click.option(
        "--schedule", metavar="NAME", help="Of this schedule's data.  [default: the only one's]"
    )(config_options(function))
    return root_option(click.argument("recipe", required=False)(named))


@cli.group(cls=Group)
def span() -> None:
    """Look at the spans of the data of a schedule or a recipe, and leave wrong ones out.

    They are what fits a pattern such as --set ingest.path='/data/day-{YYYY}-{MM}-{DD}'.
    """


@span.command(
    "list",
    examples="""
    penstock span list
    penstock span list --schedule nightly
    penstock span list mnist --set ingest.source=idx --set ingest.path='/data/span-{SPAN}'
    """,
)
@_whose
def list_(root: Path, **whose: Any) -> None:
    """List the spans, the oldest first: version, state, images, when ingested.

    A span is usable, arriving (still being copied), excluded, or unreadable until its files change.
    """
    from pipeline.span_command import show_spans

    root = root.absolute()  # a schedule works in a folder of its own
    show_spans(_pipeline(root, **whose), root, now=time.time())


@span.command(
    examples="""
    penstock span exclude 2026-11-20 --reason "labels shuffled"
    penstock span exclude 7 mnist --config nightly.toml --reason "labels shuffled" --by ana
    """
)
@click.argument("span", metavar="SPAN")
@_whose
@click.option("--reason", required=True, help="Why: it is shown wherever the span is missing.")
@click.option("--by", metavar="NAME", help="Who says so.  [default: the login name]")
def exclude(span: str, root: Path, reason: str, by: str | None, **whose: Any) -> None:
    """Leave SPAN out of every window of its pattern, until it is included again."""
    from pipeline.span_command import exclude_span

    root = root.absolute()
    pipeline = _pipeline(root, **whose)
    exclude_span(pipeline, root, span, reason=reason, by=by, now=time.time())


@span.command(examples="penstock span include 2026-11-20")
@click.argument("span", metavar="SPAN")
@_whose
def include(span: str, root: Path, **whose: Any) -> None:
    """Let windows take SPAN again that was excluded, or that could not be read."""
    from pipeline.span_command import include_span

    root = root.absolute()
    include_span(_pipeline(root, **whose), root, span)


def _pipeline(
    root: Path,
    recipe: str | None,
    config_file: Path | None,
    settings: tuple[str, ...],
    schedule: str | None,
) -> PipelineConfig:
    if recipe and schedule:
        raise click.UsageError("name a RECIPE or a --schedule, not both")
    if recipe:
        from pipeline.commands.launching import configured

        return configured(recipe, config_file, settings)[0]
    if config_file or settings:
        raise click.UsageError("--config and --set go with a RECIPE")
    from pipeline.span_command import pipeline_of_schedule

    return pipeline_of_schedule(root, schedule)
