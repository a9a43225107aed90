"""Window: combine the Examples of several spans into one dataset.

Its shards are hard links to the shards of the spans, or copies if the file system has no links.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from components.artifacts import Examples, ExpectedExamples
from components.context import Context
from data.base.field_meanings import show_meanings
from data.errors import BadDataError
from data.examples.artifact import (
    LEFT_OUT,
    QUARANTINE,
    shard_lengths,
    shard_name,
    write_description,
)
from data.files.durable_files import translate_disk_errors
from data.sources.split_names import SPLIT_NAMES


@show_meanings
@dataclass(frozen=True, kw_only=True)
class SpanTaken:
    """A span that the window uses."""

    span: str
    """Name of the span."""
    version: int | None = None
    """Version of the span. None: the pattern has no {VERSION}."""


@show_meanings
@dataclass(frozen=True, kw_only=True)
class SpanLeftOut:
    """A span that belongs to the window and was not used."""

    span: str
    """Name of the span."""
    version: int | None = None
    """Version of the span. None: the pattern has no {VERSION}."""
    state: Literal["excluded", "unreadable", "incomplete"]
    """Whether a person excluded it, its data cannot be read, or its files are not all there yet."""
    why: str
    """Who excluded it and why, or what is wrong with it."""


@show_meanings
@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of Window: filled in when the spans are chosen."""

    pattern: str
    """The pattern in ingest.path, as an absolute path."""
    spans: tuple[SpanTaken, ...]
    """The spans of the window in the order of the inputs, the oldest first."""
    left_out: tuple[SpanLeftOut, ...] = ()
    """Spans that belong to the window and were not used, each with the reason."""
    test: Literal["newest", "all"] = "newest"
    """Which spans give their test split to the evaluation: the newest one that has a test split, or
    all."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    spans: tuple[Examples, ...]


@dataclass(frozen=True, kw_only=True)
class Outputs:
    examples: Examples


def expect_outputs(
    config: Config, inputs: Mapping[str, tuple[ExpectedExamples, ...]], *, thorough: bool
) -> dict[str, ExpectedExamples]:
    """Predict the spec and the classes of the window: those of its spans, which must agree."""
    spans = inputs.get("spans", ())
    first = next((span for span in spans if span.class_names is not None), ExpectedExamples())
    return {"examples": ExpectedExamples(spec=first.spec, class_names=first.class_names)}


def check_inputs(config: Config, made: dict[str, tuple[Examples, ...]]) -> None:
    """Check that the spans fit together.

    Raises:
        BadDataError: a span has another image size, other classes or other features than the span
            before it.
    """
    # until every span is made, `made` has none of them
    for index, examples in enumerate(made.get("spans", ())[1:], start=1):
        before = made["spans"][index - 1]
        for expected, got, what in (
            (before.spec, examples.spec, "another image size or other classes"),
            (before.features, examples.features, "other features"),
        ):
            if got == expected:
                continue
            raise BadDataError(
                f"the span {config.spans[index].span} has {what} "
                f"than the span {config.spans[index - 1].span}",
                expected=expected,
                got=got,
                follows="the window was not made",
                remedy="if a span lacks some classes, name all of them in ingest.class_names; "
                "otherwise fix the span, or exclude it: penstock span exclude "
                f'{shlex.quote(config.spans[index].span)} --reason "…"',
            )


def run(inputs: Inputs, config: Config, context: Context) -> Outputs:
    """Link the shards of the spans, the oldest first, and describe them as one dataset.

    Some spans may be raw and others encoded: readers of encoded examples take both.

    Raises:
        BadDataError: the spans do not fit together, no span has a train image or a test image, or
            the description of a span does not fit its shards.
        EnvironmentTrouble: the examples cannot be written.
    """
    from data.examples.tfds_metadata import ShardFacts, write_metadata

    check_inputs(config, {"spans": inputs.spans})
    path = context.output_dir / "examples"
    path.mkdir()
    counts: dict[str, tuple[int, ...]] = {}
    facts: dict[str, list[ShardFacts]] = {}
    for split in SPLIT_NAMES:
        spans = _select_spans(split, inputs.spans, config)
        if not spans and split == "validation":
            continue
        if not spans:
            raise BadDataError(
                f"no span of the window has an image in the split {split!r}",
                expected="at least one image",
                got=f"the spans {', '.join(taken.span for taken in config.spans)}",
                remedy="let ingest.window take more spans, for example --set ingest.window=7",
            )
        shards = [shard for examples in spans for shard in examples.shards(split)]
        for number, shard in enumerate(shards):
            _link(shard, path / shard_name(split, number, len(shards)))
        lengths = [length for examples in spans for length in shard_lengths(examples, split)]
        sizes = [shard.stat().st_size for shard in shards]
        facts[split] = [ShardFacts(*fact) for fact in zip(lengths, sizes, strict=True)]
        counts[split] = _add_up([examples.counts[split] for examples in spans])
    spec, stores = inputs.spans[0].spec, {examples.store for examples in inputs.spans}
    examples = Examples(
        path=path,
        spec=spec,
        counts=counts,
        # a record with pixels among files is known by its features: `auto` may choose span by span
        store="encoded" if "encoded" in stores else "raw",
        features=inputs.spans[0].features,
        note="spans in both stores" if len(stores) > 1 else "",
        quarantined=sum(examples.quarantined for examples in inputs.spans),
        left_out=sum(examples.left_out for examples in inputs.spans),
    )
    write_metadata(
        path, spec, facts, with_span=True, store=examples.store, further=examples.features
    )
    for name in (QUARANTINE, LEFT_OUT):
        _join_lists([span.path / name for span in inputs.spans], path / name)
    write_description(examples, asdict(config))
    return Outputs(examples=examples)


def _join_lists(lists: Sequence[Path], target: Path) -> None:
    """Write the lines of several CSV files with the same header as one file, if there are any."""
    lines: list[bytes] = []
    with translate_disk_errors(f"cannot write {target}"):
        for header, *rows in (f.read_bytes().splitlines(True) for f in lists if f.is_file()):
            lines += rows if lines else [header, *rows]
        if lines:
            target.write_bytes(b"".join(lines))


def _select_spans(split: str, spans: Sequence[Examples], config: Config) -> list[Examples]:
    """Select the spans whose images make the split."""
    with_images = [examples for examples in spans if examples.num_examples(split)]
    return with_images[-1:] if split == "test" and config.test == "newest" else with_images


def _add_up(counts: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*counts, strict=True)))


def _link(shard: Path, target: Path) -> None:
    with translate_disk_errors(f"the shard {shard} cannot be linked or copied"):
        try:
            os.link(shard, target)
        except OSError:  # another file system, one without links, or too many of them
            shutil.copyfile(shard, target)
