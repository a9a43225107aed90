"""Ingest: write the labelled images of a source as TFRecord shards, on Apache Beam.

The source defines the splits; a share of train can become the validation split, by content.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from components.artifacts import Examples, ExpectedExamples
from components.context import Context, Depends
from components.ingest.config import FILE_SOURCES, Config
from data.code.import_path import load_object, resolve_import_path
from data.code.user_object import check_call, check_object
from data.errors import ConfigError, EnvironmentTrouble
from data.files.file_tree import walk
from data.files.input_files import is_url
from data.sources import NAMES, SPLITS, get_stamp_function, make_source
from data.spans.patterns import is_pattern
from data.spec import ImageSpec

_POLL = 0.2  # seconds between two measurements of how much is written


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """No inputs: the images come from outside the pipeline."""


@dataclass(frozen=True, kw_only=True)
class Outputs:
    examples: Examples


def check_config(config: Config) -> None:
    """Raise ConfigError if the source needs a setting that is missing, or cannot use one."""
    config.source_config(()).check(config.source)
    if config.source in FILE_SOURCES:
        config.check_for_files()
    elif config.source in NAMES:
        config.check_for_arrays()


def expect_outputs(
    config: Config, inputs: Mapping[str, ExpectedExamples], *, thorough: bool
) -> dict[str, ExpectedExamples]:
    """Predict the examples from the config; if `thorough`, also by asking the source."""
    splits = None
    if config.span is None and not is_pattern(config.path):
        from_train = ("validation",) if config.validation_share else ()
        splits = ("train", *from_train, "test")
    names = config.class_names if config.source in NAMES else None
    spec = _try_spec(config) if thorough else None
    if spec is not None:
        names = spec.class_names
    return {"examples": ExpectedExamples(spec=spec, class_names=names, splits=splits)}


def _try_spec(config: Config) -> ImageSpec | None:
    """Get the spec of a local source that needs no preparation; None if it cannot be had yet."""
    if config.path is not None and is_url(config.path):
        return None
    try:
        source = make_source(config.source, config.source_config(()))
        return None if hasattr(source, "prepare") else source.spec()
    except ConfigError:
        raise
    except Exception:
        return None


def check_expected(
    config: Config, inputs: Mapping[str, ExpectedExamples], *, thorough: bool
) -> None:
    """Raise ConfigError if there is no such source, or it does not take a SourceConfig."""
    path = resolve_import_path(config.source, NAMES, "source")
    check_object(path)
    if thorough:
        check_call(load_object(path), path, "a class whose __init__ takes a SourceConfig", 1)


def depends(config: Config) -> Depends:
    """Name the module of the source, and its files: `path`, or all files under it but hidden ones.

    TensorFlow Datasets writes `data_dir` itself; your own source may read input files there.

    Raises:
        BadDataError: one of the files is a link that leads nowhere.
        EnvironmentTrouble: a folder cannot be listed.
    """
    module = resolve_import_path(config.source, NAMES, "source").partition(":")[0]
    folder = Path(config.data_dir or "").expanduser()
    own = (folder,) if config.data_dir and config.source not in NAMES and folder.exists() else ()
    if config.path and is_url(config.path):
        return Depends(modules=(module,), files=own, urls=(config.path,))
    return Depends(modules=(module,), files=(*_list_files(config.path), *own))


def stamp(config: Config, beam_args: tuple[str, ...]) -> Callable[[], str] | None:
    """Return a function that asks your own source for its stamp; None if it has none."""
    if config.source in NAMES:
        return None
    return get_stamp_function(config.source, config.source_config(beam_args))


def run(inputs: Inputs, config: Config, context: Context) -> Outputs:
    """Read, check, split and encode the images, and write them as Examples.

    After an error nothing is left in the output folder.

    Raises:
        ConfigError: there is no such source, it lacks a setting or cannot use one, or workers may
            not see the files.
        BadDataError: the data is not what it claims to be, or a split is empty.
        EnvironmentTrouble: the data cannot be read or fetched, or the examples not written.
    """
    from components.beam.shared_filesystem import refuse_unshared_paths

    refuse_unshared_paths(context, config.path)
    source = make_source(config.source, config.source_config(context.beam_args))
    if prepare := getattr(source, "prepare", None):
        context.progress(0, None, "preparing the dataset")
        prepare()

    from components.beam.run_pipeline import run_pipeline
    from data.examples.finalize import finalize_examples
    from data.examples.tf_example import record_bytes
    from data.examples.write import WriteExamples
    from data.files.durable_files import write_json

    spec, total = source.spec(), source.num_images()
    path = context.output_dir / "examples"
    path.mkdir()
    try:
        with tempfile.TemporaryDirectory(dir=context.output_dir, prefix=".shards-") as temporary:
            record = Path(temporary, "shards.json")
            folder = Path(temporary, "shards")
            folder.mkdir()
            write_json(record, [])  # stays empty if the source has no images
            transform = WriteExamples(source, config.validation_share, folder, record, config.span)
            size = record_bytes(spec.image_bytes, config.span)
            with _report_progress(folder, size, total, context):
                run_pipeline(lambda pipeline: pipeline | transform, context)
            examples = finalize_examples(
                path,
                spec,
                folder,
                record,
                expected=total,
                splits=_required_splits(config),
                source=asdict(config),
            )
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    return Outputs(examples=examples)


def _required_splits(config: Config) -> tuple[str, ...]:
    """List the splits that must have images. One span needs only train: its window is checked."""
    if config.span is not None:
        return SPLITS[:1]
    from data.examples.finalize import VALIDATION

    return (*SPLITS, VALIDATION) if config.validation_share else SPLITS


@contextmanager
def _report_progress(
    folder: Path, record_bytes: int, total: int | None, context: Context
) -> Iterator[None]:
    """Report the images written so far, by the size of the shards: workers may be elsewhere."""
    ended = threading.Event()

    def report() -> None:
        size = sum(file.stat().st_size for file in folder.iterdir())
        images = size // record_bytes
        context.progress(images, total, f"{images:,} images written")

    def watch() -> None:
        while not ended.wait(_POLL):
            report()

    watcher = threading.Thread(target=watch, name="ingest-progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
    report()


def _list_files(path: str | None) -> list[Path]:
    if not path:
        return []
    try:
        return [Path(file.path) for file in walk(Path(path).expanduser(), hidden=False)]
    except (FileNotFoundError, NotADirectoryError):  # the source reports what is missing
        return []
    except OSError as error:
        raise EnvironmentTrouble(
            f"{error.filename} cannot be read",
            expected="a file or a folder that this user may read",
            got=error.strerror,
            remedy="give this user the right to read it, or move it out of the folder",
        ) from error
