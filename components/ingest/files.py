"""Ingest the images of a source of files: decode, fit, split and count them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from components.artifacts import Examples
from components.beam.run_pipeline import run_pipeline
from components.context import Context
from components.ingest.config import Config
from components.ingest.first_files import infer_spec
from components.ingest.progress import report_progress
from components.ingest.shares import choose_shares, list_required_splits
from components.ingest.store import choose_store, measure_mean_size
from data.base.visible_text import escape_line
from data.errors import BadDataError
from data.examples.finalize import finalize_examples
from data.examples.from_files.outcome import Outcome, read_outcome
from data.examples.from_files.portions import group_parts
from data.examples.from_files.quarantine import write_left_out, write_quarantine
from data.examples.from_files.write import FileRules, WriteFiles
from data.sources import describe_source
from data.sources.file_source import FilePart, FileSource
from data.sources.split_names import SPLIT_NAMES

_FRAME = 60  # bytes of a record besides the image, about
_NAMED = 8  # most classes that a warning names


def ingest_files(
    source: FileSource, config: Config, context: Context, path: Path, temporary: Path
) -> Examples:
    """Write the images of a source as Examples.

    Args:
        source: lists and reads files.
        config: of Ingest.
        context: of the run.
        path: folder of the Examples.
        temporary: an empty folder on the same disk.
    """
    context.progress(0, None, "listing the files")
    class_names, parts = source.class_names(), list(source.list_parts())
    left_out = list(source.left_out()) if hasattr(source, "left_out") else []
    total = sum(part.files for part in parts)
    if not total:
        raise _no_files_error(config, len(left_out))
    spec = infer_spec(config, class_names, source, parts)
    store, why = choose_store(config, spec, source, parts)
    context.progress(0, total, why)
    given = source.given_splits() if hasattr(source, "given_splits") else None
    rules = FileRules(
        spec=spec,
        store=store,
        shares=choose_shares(given, config, context),
        features=config.features,
        span=config.span,
        keep_going=config.max_bad_share is not None,
    )
    outcome = _write_files(source, parts, rules, context, temporary)
    outcome.check(total, config.max_bad_share)
    outcome.check_groups()
    write_quarantine(path, outcome)
    write_left_out(path, left_out)
    examples = Examples(
        path=path,
        spec=spec,
        counts={},
        store=store,
        features=config.features,
        quarantined=outcome.bad,
        left_out=len(left_out),
        note="; ".join(filter(None, [describe_source(source), _describe_classes(outcome), why])),
    )
    written = total - outcome.bad
    examples = finalize_examples(
        examples,
        outcome.shards,
        outcome.folder,
        expected=written,
        splits=list_required_splits(config),
        source=asdict(config),
    )
    context.progress(total, total, f"{written:,} images written, {outcome.bad:,} bad files")
    _warn_of_classes(examples, context)
    return examples


def _no_files_error(config: Config, left_out: int) -> BadDataError:
    return BadDataError(
        f"the source {config.source!r} lists no files",
        got=f"{left_out:,} that are no images" if left_out else "nothing",
        follows="nothing was ingested",
        remedy="check ingest.path",
    )


def _write_files(
    source: FileSource,
    parts: Sequence[FilePart],
    rules: FileRules,
    context: Context,
    temporary: Path,
) -> Outcome:
    """Write the shards to a folder in `temporary`, by Beam."""
    record, folder = temporary / "portions.json", temporary / "shards"
    folder.mkdir()
    portions = group_parts(parts, rules.spec.image_bytes)
    transform = WriteFiles(source, portions, rules, folder, record)
    size: float = rules.spec.image_bytes
    if rules.store == "encoded":
        size, _ = measure_mean_size(source, parts)
    total = sum(portion.files for portion in portions)
    with report_progress(folder, size + _FRAME, total, context):
        run_pipeline(lambda pipeline: pipeline | transform, context)
    return read_outcome(record, folder)


def _describe_classes(outcome: Outcome) -> str:
    """Describe how many images the classes have in each split."""
    texts = []
    for split in SPLIT_NAMES:
        shards = [shard.counts for shard in outcome.shards if shard.split == split]
        if shards:
            counts = [sum(counts) for counts in zip(*shards, strict=True)]
            low, high = f"{min(counts):,}", f"{max(counts):,}"
            texts.append(f"{low if low == high else f'{low} to {high}'} in {split}")
    return "a class has " + ", ".join(texts)


def _warn_of_classes(examples: Examples, context: Context) -> None:
    """Warn of classes that a split lacks."""
    for split, counts in examples.counts.items():
        pairs = zip(examples.spec.class_names, counts, strict=True)
        lacking = [name for name, count in pairs if not count]
        if lacking:
            names = ", ".join(map(escape_line, lacking[:_NAMED]))
            more = f" and {len(lacking) - _NAMED:,} more" if len(lacking) > _NAMED else ""
            context.warn(
                f"{len(lacking):,} of {len(counts):,} classes have no image in {split}: "
                f"{names}{more}"
            )
