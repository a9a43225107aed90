"""Window: the Examples of several spans as one, so that what follows sees a dataset like any other.

Shards are hard links to the spans' own, or copies where the file system has no links.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from components.artifacts import Examples, Foreseen
from components.context import Context
from data.errors import BadDataError
from data.examples.artifact import shard_lengths, shard_name, write_description
from data.files.durable_files import disk_trouble

_SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A span of the window."""

    span: str
    """Name of the span."""
    version: int | None = None
    """Version of the span. None: the pattern has no {VERSION}."""


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A span that the window would have held."""

    span: str
    """Name of the span."""
    version: int | None = None
    """Version of the span. None: the pattern has no {VERSION}."""
    state: Literal["excluded", "unreadable", "arriving"]
    """Whether a person excluded it, its data cannot be read, or its files are not all there yet."""
    why: str
    """Who excluded it and why, or what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class Config:
    pattern: str
    """The pattern in ingest.path, as an absolute path."""
    spans: tuple[Taken, ...]
    """The spans of the window in the order of the inputs, the oldest first."""
    left_out: tuple[LeftOut, ...] = ()
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


def foresee(
    config: Config, inputs: Mapping[str, tuple[Foreseen, ...]], *, thorough: bool
) -> dict[str, Foreseen]:
    """The spans' spec and classes, which must be the same."""
    spans = inputs.get("spans", ())
    found = next((span for span in spans if span.class_names is not None), Foreseen())
    return {"examples": Foreseen(spec=found.spec, class_names=found.class_names)}


def check_inputs(config: Config, made: dict[str, tuple[Examples, ...]]) -> None:
    """Hold the spans that are made to one another.

    Raises:
        BadDataError: images of another size or other classes than in the span before.
    """
    # while some are not made, `made` lacks them all
    for place, examples in enumerate(made.get("spans", ())[1:], start=1):
        before = made["spans"][place - 1]
        if examples.spec != before.spec:
            raise BadDataError(
                f"the span {config.spans[place].span} holds other images than "
                f"{config.spans[place - 1].span}",
                expected=before.spec,
                got=examples.spec,
                follows="there is no window",
                remedy="name all classes in ingest.class_names if one lacks some; else mend the "
                "span, or leave it out: penstock span exclude",
            )


def run(inputs: Inputs, config: Config, context: Context) -> Outputs:
    """Link the shards, the oldest span's first, and describe them as one dataset.

    Raises:
        BadDataError: spans that do not fit together, no train or no test image in any, or a span's
            description that does not fit its shards.
        EnvironmentTrouble: the examples cannot be written.
    """
    from data.examples.tfds_metadata import ShardFacts, write_metadata

    check_inputs(config, {"spans": inputs.spans})
    path = context.output_dir / "examples"
    path.mkdir()
    counts: dict[str, tuple[int, ...]] = {}
    facts: dict[str, list[ShardFacts]] = {}
    for split in _SPLITS:
        spans = _having(split, inputs.spans, config)
        if not spans and split == "validation":
            continue
        if not spans:
            raise BadDataError(
                f"no span of the window has an image in the split {split!r}",
                expected="one or more",
                got=", ".join(taken.span for taken in config.spans),
                remedy="take more spans: ingest.window",
            )
        shards = [shard for examples in spans for shard in examples.shards(split)]
        for number, shard in enumerate(shards):
            _link(shard, path / shard_name(split, number, len(shards)))
        lengths = [length for examples in spans for length in shard_lengths(examples, split)]
        sizes = [shard.stat().st_size for shard in shards]
        facts[split] = [ShardFacts(*fact) for fact in zip(lengths, sizes, strict=True)]
        counts[split] = _total([examples.counts[split] for examples in spans])
    spec = inputs.spans[0].spec
    write_metadata(path, spec, facts, with_span=True)
    examples = Examples(path=path, spec=spec, counts=counts)
    write_description(examples, asdict(config))
    return Outputs(examples=examples)


def _having(split: str, spans: Sequence[Examples], config: Config) -> list[Examples]:
    """The spans that give the split its images."""
    found = [examples for examples in spans if examples.num_examples(split)]
    return found[-1:] if split == "test" and config.test == "newest" else found


def _total(counts: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*counts, strict=True)))


def _link(shard: Path, target: Path) -> None:
    with disk_trouble(f"the shard {shard} cannot be linked or copied"):
        try:
            os.link(shard, target)
        except OSError:  # another file system, one without links, or too many of them
            shutil.copyfile(shard, target)
