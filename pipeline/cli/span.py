"""`penstock span`: list the spans of the data, exclude bad ones, include them again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from components.export import get_login_name
from data.errors import ConfigError, suggest_names
from data.spans.patterns import make_absolute
from pipeline.cli.lazy_group import Command
from pipeline.cli.options import config_option, json_option, print_json, root_option, set_option
from pipeline.cli.recipes import configured
from pipeline.config.graph import PipelineConfig, Step
from pipeline.config.graph_checks import check
from pipeline.console.listing import Cell, Column, colour, print_listing
from pipeline.console.streams import say
from pipeline.schedule.ledger.store import ScheduleStore
from pipeline.schedule.tick.pipeline_run import build_pipeline
from pipeline.spans.states import (
    SpanState,
    SpanStates,
    describe_temporary,
    find_pattern_steps,
    name_span_step,
)
from pipeline.spans.store import Excluded, SpanStore, read_notes
from pipeline.storage.artifact_store import MANIFEST, Slot
from pipeline.storage.database import FILE as LEDGER
from pipeline.storage.ledger import Ledger
from pipeline.storage.run_folder import prepare_root

F = TypeVar("F", bound=Callable[..., Any])

_COLUMNS = (
    Column("span", title=True),
    Column("version", right=True),
    Column("state", title=True),
    Column("images", right=True),
    Column("ingested"),
    Column("why", fold=24),
)


def _data_options(function: F) -> F:
    """Add the options that say whose data is meant: a recipe's, or a schedule's."""
    named = click.option(
        "--schedule",
        metavar="NAME",
        help="Use the data of this schedule.  [default: the only schedule]",
    )(config_option(set_option(function)))
    return root_option(click.argument("recipe", required=False)(named))


@click.command(
    "list",
    cls=Command,
    examples="""
    penstock span list
    penstock span list --schedule nightly --last 1000
    penstock span list mnist --set ingest.source=idx --set ingest.path='/data/span-{SPAN}'
    """,
)
@_data_options
@click.option(
    "--last",
    "limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="How many, the newest ones.",
)
@json_option
def list_(
    recipe: str | None,
    config_file: Path | None,
    settings: tuple[str, ...],
    schedule: str | None,
    root: Path,
    limit: int,
    as_json: bool,
) -> None:
    """List the spans, oldest first: version, state, number of images, when they were ingested.

    A span is usable, incomplete (still being copied), excluded, or unreadable (until its files
    change).
    """
    root = root.absolute()  # a schedule works in a folder of its own
    pipeline = _pipeline(root, recipe, config_file, settings, schedule)
    fingerprints = _last_fingerprints(root, pipeline.name)
    listed = []
    for step in _pattern_steps(pipeline):
        spans = SpanStates(step.config, root, now=time.time())
        rows = [_look(step, s, root, fingerprints) for s in spans.newest(limit)]
        listed.append((make_absolute(step.config.path), rows, spans))
    if as_json:
        print_json(
            [{"pattern": path, "spans": [row.facts() for row in rows]} for path, rows, _ in listed]
        )
        return
    for path, rows, spans in listed:
        say(path)
        print_listing(_COLUMNS, (row.cells() for row in rows))
        if (older := len(spans.names) - limit) > 0:
            say(f"not listed: {older:,} older; to list all, use --last {len(spans.names)}")
        if spans.temporary:
            say(describe_temporary(spans.temporary))


@click.command(
    cls=Command,
    examples="""
    penstock span exclude 2026-11-20 --reason "labels shuffled"
    penstock span exclude 7 mnist --config nightly.toml --reason "labels shuffled" --by ana
    """,
)
@click.argument("span", metavar="SPAN")
@_data_options
@click.option("--reason", required=True, help="The reason; shown wherever the span is missing.")
@click.option("--by", metavar="NAME", help="Who decides.  [default: your login name]")
def exclude(
    span: str,
    recipe: str | None,
    config_file: Path | None,
    settings: tuple[str, ...],
    schedule: str | None,
    root: Path,
    reason: str,
    by: str | None,
) -> None:
    """Exclude SPAN from every window of its pattern, until it is included again."""
    root = root.absolute()
    pipeline = _pipeline(root, recipe, config_file, settings, schedule)
    by = get_login_name() if by is None else by
    if not reason.strip() or not by.strip():
        raise ConfigError("an exclusion needs a reason and a name", remedy='--reason "…" --by NAME')
    now = time.time()
    patterns = {
        name: make_absolute(step.config.path)
        for step in _pattern_steps(pipeline)
        for name in SpanStates(step.config, root, now=now).names
    }
    if span not in patterns:
        raise ConfigError(f"no span {span!r}", remedy=suggest_names(span, patterns))
    prepare_root(root)
    with SpanStore(root) as store:
        store.exclude(Excluded(pattern=patterns[span], span=span, reason=reason, by=by, time=now))
    say(f"span {span} is excluded by {by}: {reason}")


@click.command(cls=Command, examples="penstock span include 2026-11-20")
@click.argument("span", metavar="SPAN")
@_data_options
def include(
    span: str,
    recipe: str | None,
    config_file: Path | None,
    settings: tuple[str, ...],
    schedule: str | None,
    root: Path,
) -> None:
    """Include SPAN in windows again, after it was excluded or could not be read."""
    root = root.absolute()
    pipeline = _pipeline(root, recipe, config_file, settings, schedule)
    patterns = [make_absolute(step.config.path) for step in _pattern_steps(pipeline)]
    notes = [read_notes(root, pattern) for pattern in patterns]
    left_out = {name for note in notes for name in (*note.excluded, *note.unreadable)}
    if span not in left_out:
        raise ConfigError(
            f"span {span!r} is neither excluded nor unreadable",
            remedy=suggest_names(span, left_out),
        )
    with SpanStore(root) as store:
        for pattern in patterns:
            store.include(pattern, span)
    say(f"span {span} is included again")


def _pipeline(
    root: Path,
    recipe: str | None,
    config_file: Path | None,
    settings: tuple[str, ...],
    schedule: str | None,
) -> PipelineConfig:
    """Return the pipeline of the recipe, or of the schedule."""
    if recipe and schedule:
        raise click.UsageError("give either a RECIPE or a --schedule, not both")
    if recipe:
        return configured(recipe, config_file, settings)[0]
    if config_file or settings:
        raise click.UsageError("--config and --set need a RECIPE")
    return _pipeline_of_schedule(root, schedule)


def _pipeline_of_schedule(root: Path, name: str | None) -> PipelineConfig:
    """Return the pipeline of the schedule of this name, or of the only one if it is None.

    Raises:
        ConfigError: no such schedule, or not exactly one; or its recipe is gone.
    """
    with ScheduleStore.existing(root) as store:
        names = [standing.schedule.name for standing in store.survey().standings]
        if name is None and len(names) != 1:
            raise ConfigError(
                "name a recipe or a schedule",
                expected="RECIPE, or --schedule NAME",
                got=f"the schedules {', '.join(names)}" if names else f"no schedule in {root}",
            )
        return build_pipeline(store.standing(name or names[0]).schedule)[0]


def _pattern_steps(pipeline: PipelineConfig) -> list[Step]:
    """Return the ingest steps whose path is a pattern.

    Raises:
        ConfigError: there is none, or a run of the pipeline would be refused.
    """
    check(pipeline)
    steps = find_pattern_steps(pipeline)
    if not steps:
        raise ConfigError(
            f"the ingest of {pipeline.name!r} has no spans",
            expected="ingest.path with {SPAN}, or with {YYYY}, {MM} and {DD}",
            remedy="--set ingest.path='/data/day-{YYYY}-{MM}-{DD}'",
        )
    return steps


class _Row(NamedTuple):
    """A span, and what the ledger holds of it."""

    standing: SpanState
    images: int | None  # None: this version was not ingested
    ingested: float | None  # seconds since the epoch

    def facts(self) -> dict[str, Any]:
        span = self.standing.span
        return {
            "span": span.name,
            "version": span.version,
            "state": self.standing.state,
            "why": self.standing.why,
            "path": str(span.path),
            "images": self.images,
            "ingested": self.ingested,
        }

    def cells(self) -> Sequence[Cell]:
        span, when = self.standing.span, self.ingested
        return (
            span.name,
            "" if span.version is None else str(span.version),
            colour(self.standing.state),
            "" if self.images is None else f"{self.images:,}",
            "" if when is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(when)),
            self.standing.why,
        )


def _look(step: Step, standing: SpanState, root: Path, fingerprints: dict[str, str]) -> _Row:
    """Find the examples of exactly this version of a span, if they still exist."""
    fingerprint = fingerprints.get(name_span_step(step, standing.span.name))
    if fingerprint is None:
        return _Row(standing, None, None)
    slot = Slot.of(root, step.component, fingerprint)
    sealed = slot.load(step.load().Outputs)
    if sealed is None or sealed.parts["config"]["path"] != str(standing.span.path):
        return _Row(standing, None, None)
    counts = sealed.outputs.examples.counts.values()
    ingested = (slot.path / MANIFEST).stat().st_mtime
    return _Row(standing, sum(map(sum, counts)), ingested)


def _last_fingerprints(root: Path, pipeline: str) -> dict[str, str]:
    """Return step → the fingerprint that it had when it last ended well."""
    if not (root / LEDGER).is_file():
        return {}
    with Ledger(root) as ledger:
        return ledger.all_previous(pipeline)
