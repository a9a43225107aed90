"""Ingest: labelled images from a source, as TFRecord shards of uint8 tf.Examples, on Beam."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.artifacts import Examples
from components.context import Context, Depends
from data.errors import ConfigError
from data.import_path import resolve
from data.sources import NAMES, SourceConfig, make_source


@dataclass(frozen=True, kw_only=True)
class Config:
    # digits, idx, npz, tfds, tfds_dir, or an import path, package.module:Class
    source: str = "digits"
    # the file or folder that the source reads (idx, npz, tfds_dir)
    path: str | None = None
    # the dataset's name (tfds)
    name: str | None = None
    # the dataset's version (tfds); pin it: it stands for the data in the fingerprint
    version: str | None = None
    # where prepared datasets lie (tfds); none: TensorFlow Datasets' own default
    data_dir: str | None = None
    # none: the source's own, else "0", "1", …
    class_names: tuple[str, ...] | None = None
    # for a source of one's own
    options: dict[str, Any] = field(default_factory=dict)
    # share of train that becomes the split `validation`, by a stable hash of each image's pixels
    validation_share: float = 0.0

    def __post_init__(self) -> None:
        resolve(self.source, NAMES, "source")
        if not 0 <= self.validation_share < 1:
            raise ConfigError(
                "ingest.validation_share is out of range",
                expected="from 0 to less than 1",
                got=self.validation_share,
                remedy="write 0.1 for a tenth",
            )


@dataclass(frozen=True, kw_only=True)
class Inputs:
    pass


@dataclass(frozen=True, kw_only=True)
class Outputs:
    examples: Examples


def depends(config: Config) -> Depends:
    """The source's code, and every file under `path`, by content."""
    module = resolve(config.source, NAMES, "source").partition(":")[0]
    return Depends(modules=(module,), files=_files(Path(config.path)) if config.path else ())


def run(inputs: Inputs, config: Config, context: Context) -> Outputs:
    """Read every image once, check it, and write it where its split belongs.

    The official test split stays what it is; `validation` is carved out of train alone.

    Raises:
        ConfigError: a setting that the source lacks or cannot use.
        BadDataError: input that is not what it says it is; nothing is kept.
        EnvironmentTrouble: input that cannot be read for want of permission or by a failing disk.
    """
    context.progress(0, None, f"opening {config.source}")
    settings = {name: getattr(config, name) for name in SourceConfig.__dataclass_fields__}
    source = make_source(config.source, SourceConfig(**settings))

    from components.beam import run_pipeline
    from data.write_examples import WriteExamples, finish

    path, shards = context.output_dir / "examples", context.output_dir / "shards"
    path.mkdir()
    shards.mkdir()
    spec, total = source.spec(), source.num_images()
    with _counted(shards, spec.image_bytes, total, context):
        run_pipeline(lambda p: p | WriteExamples(source, config.validation_share, shards), context)
    context.progress(total or 1, total or 1, "describing the examples")
    examples = finish(shards, path, spec)
    _remove(shards)
    return Outputs(examples=examples)


def _files(path: Path) -> tuple[Path, ...]:
    """The file itself, or the files under the folder but for hidden ones, in order."""
    if not path.is_dir():
        return (path,) if path.exists() else ()  # run says what is wrong with a missing one
    return tuple(
        sorted(
            found
            for found in path.rglob("*")
            if found.is_file() and not any(p.startswith(".") for p in found.relative_to(path).parts)
        )
    )


def _remove(folder: Path) -> None:
    """Remove the workers' folder, with what retried bundles may have left in it."""
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


@contextmanager
def _counted(folder: Path, image_bytes: int, total: int | None, context: Context) -> Iterator[None]:
    """Report progress while the block runs, from the bytes that lie in `folder`.

    Any runner that shares the file system can be watched so, whatever it reports itself.
    """
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.25):
            size = sum(f.stat().st_size for f in folder.iterdir())
            seen = min(size // image_bytes, total or size)
            context.progress(seen, total, f"about {seen:,} images written")

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
