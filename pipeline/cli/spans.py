"""`penstock span …`: what data there is of a pattern, and what of it somebody leaves out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from data.errors import ConfigError, did_you_mean
from pipeline.cli.app import Group, cli, config_options, root_option
from pipeline.console.streams import say

if TYPE_CHECKING:
    from components.artifacts import Examples
    from pipeline.config.graph import PipelineConfig, Step
    from pipeline.spans.states import SpanState


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
    penstock span list --schedule nightly --last 1000
    penstock span list mnist --set ingest.source=idx --set ingest.path='/data/span-{SPAN}'
    """,
)
@_whose
@click.option(
    "--last",
    "limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="How many, the newest ones.",
)
def list_(root: Path, limit: int, **whose: Any) -> None:
    """List the spans, the oldest first: version, state, images, when ingested.

    A span is usable, arriving (still being copied), excluded, or unreadable until its files change.
    """
    root = root.absolute()  # a schedule works in a folder of its own
    show_spans(_pipeline(root, **whose), root, limit, now=time.time())


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
    root = root.absolute()
    pipeline = _pipeline(root, **whose)
    exclude_span(pipeline, root, span, reason=reason, by=by, now=time.time())


@span.command(examples="penstock span include 2026-11-20")
@click.argument("span", metavar="SPAN")
@_whose
def include(span: str, root: Path, **whose: Any) -> None:
    """Let windows take SPAN again that was excluded, or that could not be read."""
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
        from pipeline.cli.recipes import configured

        return configured(recipe, config_file, settings)[0]
    if config_file or settings:
        raise click.UsageError("--config and --set go with a RECIPE")

    return pipeline_of_schedule(root, schedule)


_STYLES = {"usable": "green", "arriving": "yellow", "excluded": "red", "unreadable": "red"}


class Ingested(NamedTuple):
    """What the ledger knows of a span that was ingested."""

    examples: Examples
    when: float  # seconds since the epoch


def show_spans(pipeline: PipelineConfig, root: Path, limit: int, *, now: float) -> None:
    """Print the spans of each pattern of a pipeline, the oldest first: version, state, images.

    Args:
        pipeline: as its recipe has it.
        root: whose ledger says what is left out, and what was ingested.
        limit: how many of each pattern, the newest ones; no other is looked at.
        now: seconds since the epoch.

    Raises:
        ConfigError: a run of the pipeline would be refused, or its ingest has no pattern.
        BadDataError, EnvironmentTrouble: as `pipeline.spans.states.SpanStates`.
    """
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from data.spans.patterns import absolute
    from pipeline.console.terminal import Console
    from pipeline.spans.states import SpanStates, describe_temporary, name_span_step

    out, fingerprints = Console(), _last_fingerprints(root, pipeline.name)
    for step in _patterns(pipeline):
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in ("span", "version", "state", "images", "ingested", "why"):
            justify = "right" if heading in ("version", "images") else "left"
            table.add_column(heading, justify=justify)  # type: ignore[arg-type]
        spans = SpanStates(step.config, root, now=now)
        for standing in spans.newest(limit):
            made_as = fingerprints.get(name_span_step(step, standing.span.name))
            table.add_row(*_row(standing, _ingested(step, standing, root, made_as)))
        out.print(escape(absolute(step.config.path)), soft_wrap=True)
        out.print(table)
        if (older := len(spans.names) - limit) > 0:
            out.print(f"[dim]and {older:,} older: --last {len(spans.names)}[/]")
        if spans.temporary:
            out.print(f"[dim]{escape(describe_temporary(spans.temporary))}[/]", soft_wrap=True)


def exclude_span(
    pipeline: PipelineConfig, root: Path, span: str, *, reason: str, by: str | None, now: float
) -> None:
    """Leave a span out of all windows of the pipeline's pattern, and say so.

    Raises:
        ConfigError: no such span, with the close matches; no reason; or no pattern.
        BadDataError, EnvironmentTrouble: as `pipeline.spans.states.SpanStates`.
    """
    from components.export import login_name
    from data.spans.patterns import absolute
    from pipeline.spans.states import SpanStates
    from pipeline.spans.store import Excluded, SpanStore
    from pipeline.storage.run_folder import prepare_root

    by = login_name() if by is None else by
    if not reason.strip() or not by.strip():
        raise ConfigError(
            "a span is excluded for a reason, by somebody", remedy='--reason "…" --by NAME'
        )
    known = {
        name: absolute(step.config.path)
        for step in _patterns(pipeline)
        for name in SpanStates(step.config, root, now=now).names
    }
    if span not in known:
        raise _unknown(span, known)
    prepare_root(root)
    with SpanStore(root) as store:
        store.exclude(Excluded(pattern=known[span], span=span, reason=reason, by=by, time=now))
    say(f"{span} is excluded by {by}: {reason}")


def include_span(pipeline: PipelineConfig, root: Path, span: str) -> None:
    """Let windows take a span again that was excluded, or could not be read.

    Raises:
        ConfigError: it is neither, with the close matches; or no pattern.
        EnvironmentTrouble: the ledger cannot be used.
    """
    from data.spans.patterns import absolute
    from pipeline.spans.store import SpanStore, read_notes

    patterns = [absolute(step.config.path) for step in _patterns(pipeline)]
    notes = [read_notes(root, pattern) for pattern in patterns]
    known = {name for note in notes for name in (*note.excluded, *note.unreadable)}
    if span not in known:
        raise _unknown(span, known, "that is left out")
    with SpanStore(root) as store:
        for pattern in patterns:
            store.include(pattern, span)
    say(f"windows take {span} again")


def pipeline_of_schedule(root: Path, name: str | None) -> PipelineConfig:
    """The pipeline of the schedule of this name; None: of the only one that there is.

    Raises:
        ConfigError: no such schedule, or not just one; or its recipe is gone.
    """
    from pipeline.schedule.ledger.store import ScheduleStore
    from pipeline.schedule.tick.pipeline_run import built

    with ScheduleStore.existing(root) as store:
        known = [standing.schedule for standing in store.survey().standings]
        if name is None and len(known) != 1:
            names = ", ".join(schedule.name for schedule in known)
            raise ConfigError(
                "whose spans?",
                expected="a RECIPE, or a --schedule",
                got=f"the schedules {names}" if known else f"no schedule in {root}",
            )
        return built(store.standing(name or known[0].name).schedule)[0]


def _patterns(pipeline: PipelineConfig) -> list[Step]:
    """The ingest steps that have a pattern. Raises ConfigError for what a run would refuse."""
    from pipeline.config.graph_checks import check
    from pipeline.spans.states import find_pattern_steps

    check(pipeline)
    found = find_pattern_steps(pipeline)
    if not found:
        raise ConfigError(
            f"the ingest of {pipeline.name!r} has no spans",
            expected="ingest.path with {SPAN}, or with {YYYY}, {MM} and {DD}",
            remedy="--set ingest.path='/data/day-{YYYY}-{MM}-{DD}'",
        )
    return found


def _unknown(span: str, known: Iterable[str], which: str = "") -> ConfigError:
    return ConfigError(
        " ".join(filter(None, (f"no span {span!r}", which))), remedy=did_you_mean(span, known)
    )


def _row(standing: SpanState, ingested: Ingested | None) -> Iterator[str]:
    from rich.markup import escape

    span = standing.span
    yield escape(span.name)
    yield "" if span.version is None else str(span.version)
    yield f"[{_STYLES[standing.state]}]{standing.state}[/]"
    yield f"{sum(map(sum, ingested.examples.counts.values())):,}" if ingested else ""
    when = time.localtime(ingested.when) if ingested else None
    yield time.strftime("%Y-%m-%d %H:%M", when) if when else ""
    yield escape(standing.why)


def _last_fingerprints(root: Path, pipeline: str) -> dict[str, str]:
    """Step → the fingerprint that it had when it last ended well."""
    from pipeline.storage.database import FILE
    from pipeline.storage.ledger import Ledger

    if not (root / FILE).is_file():
        return {}
    with Ledger(root) as ledger:
        return ledger.all_previous(pipeline)


def _ingested(
    step: Step, standing: SpanState, root: Path, fingerprint: str | None
) -> Ingested | None:
    """The examples of just this version, if they still lie there."""
    from pipeline.storage.artifact_store import MANIFEST, Slot

    if fingerprint is None:
        return None
    slot = Slot.of(root, step.component, fingerprint)
    sealed = slot.load(step.load().Outputs)
    if sealed is None or sealed.parts["config"]["path"] != str(standing.span.path):
        return None
    return Ingested(sealed.outputs.examples, (slot.path / MANIFEST).stat().st_mtime)
