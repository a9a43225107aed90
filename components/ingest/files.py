"""Ingest the images of a source of files: decode, fit, split and count them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from components.artifacts import Examples
from components.beam.run_pipeline import run_pipeline
from components.context import Context
from components.ingest.config import Config
from components.ingest.first_files import infer_spec
from components.ingest.progress import report_progress
from components.ingest.store import choose_store, measure_mean_size
from data.base.visible_text import escape_controls
from data.errors import BadDataError, ConfigError
from data.examples.finalize import finalize_examples
from data.examples.from_files.outcome import NO_SPLIT, Outcome, read_outcome
from data.examples.from_files.portions import group_parts
from data.examples.from_files.quarantine import write_left_out, write_quarantine
from data.examples.from_files.write import FileRules, WriteFiles
from data.examples.splits import TEST, TRAIN, VALIDATION, SplitShares
from data.files.durable_files import write_json
from data.sources.file_source import FileSource

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
        raise BadDataError(
            f"the source {config.source!r} lists no files",
            got=f"{len(left_out):,} that are no images" if left_out else "nothing",
            follows="nothing was ingested",
            remedy="check ingest.path",
        )
    spec = infer_spec(config, class_names, source, parts)
    store, why = choose_store(config, spec, source, parts)
    context.progress(0, total, why)
    rules = FileRules(
        spec=spec,
        store=store,
        shares=SplitShares(test=config.test_share, validation=config.validation_share),
        features=config.features,
        span=config.span,
        keep_going=config.max_bad_share is not None,
    )
    record, folder = temporary / "portions.json", temporary / "shards"
    folder.mkdir()
    write_json(record, [])
    transform = WriteFiles(source, group_parts(parts, spec.image_bytes), rules, folder, record)
    size = spec.image_bytes if store == "raw" else measure_mean_size(source, parts)[0]
    with report_progress(folder, size + _FRAME, total, context):
        run_pipeline(lambda pipeline: pipeline | transform, context)
    outcome = read_outcome(record, folder)
    outcome.check(total, config.max_bad_share)
    _check_splits(outcome, config)
    write_quarantine(path, outcome)
    write_left_out(path, left_out)
    examples = finalize_examples(
        Examples(
            path=path,
            spec=spec,
            counts={},
            store=store,
            features=config.features,
            quarantined=outcome.bad,
            left_out=len(left_out),
            note=why,
        ),
        outcome.shards,
        folder,
        expected=total - outcome.bad,
        splits=_required_splits(config),
        source=asdict(config),
    )
    _warn_of_classes(examples, context)
    return examples


def _check_splits(outcome: Outcome, config: Config) -> None:
    """Check the splits that the source gives against the shares that the config cuts.

    Raises:
        ConfigError: a share has nothing to cut.
        BadDataError: a group is in two splits.
    """
    given = outcome.given
    if config.test_share and not given[NO_SPLIT]:
        raise ConfigError(
            "ingest.test_share has nothing to cut: the source gives every image its split",
            got=", ".join(f"{count:,} in {split}" for split, count in sorted(given.items())),
            follows="nothing was ingested",
            remedy="remove ingest.test_share, or set ingest.path to the folder of one split",
        )
    if config.validation_share and given[VALIDATION]:
        raise ConfigError(
            "ingest.validation_share would cut a second validation split",
            got=f"{given[VALIDATION]:,} images in the source's own",
            follows="nothing was ingested",
            remedy="--set ingest.validation_share=0",
        )
    outcome.check_groups()


def _required_splits(config: Config) -> tuple[str, ...]:
    """List the splits that must have images. One span needs only train: its window is checked."""
    if config.span is not None:
        return (TRAIN,)
    return (TRAIN, TEST, VALIDATION) if config.validation_share else (TRAIN, TEST)


def _warn_of_classes(examples: Examples, context: Context) -> None:
    """Warn of classes that a split lacks."""
    for split, counts in examples.counts.items():
        pairs = zip(examples.spec.class_names, counts, strict=True)
        lacking = [name for name, count in pairs if not count]
        if lacking:
            names = ", ".join(map(escape_controls, lacking[:_NAMED]))
            more = f" and {len(lacking) - _NAMED:,} more" if len(lacking) > _NAMED else ""
            context.warn(
                f"{len(lacking):,} of {len(counts):,} classes have no image in {split}: "
                f"{names}{more}"
            )
