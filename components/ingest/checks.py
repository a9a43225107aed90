"""Check the config of Ingest before anything runs, and predict the examples that it will give."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from components.artifacts import ExpectedExamples
from components.ingest.config import Config
from data.code.import_path import load_object, resolve_import_path
from data.code.user_object import check_call, check_object
from data.errors import ConfigError
from data.files.input_files import is_url
from data.sources import ARRAY_SOURCES, FILE_SOURCES, NAMES, get_stamp_function, make_source
from data.sources.file_source import FileSource
from data.spans.patterns import is_pattern
from data.spec import FORMAT, HEIGHT, IMAGE, LABEL, SPAN, WIDTH, ImageSpec

_TRAIN_AND_TEST = ("cifar_binary", "digits", "idx")  # have these two splits, always


def check_config(config: Config) -> None:
    """Raise ConfigError if the source needs a setting that is missing, or cannot use one."""
    config.source_config(()).check(config.source)
    if config.source in FILE_SOURCES:
        config.check_for_files()
    elif config.source in ARRAY_SOURCES:
        config.check_for_arrays()


def check_expected(
    config: Config, inputs: Mapping[str, ExpectedExamples], *, thorough: bool
) -> None:
    """Raise ConfigError if there is no such source, or it does not take a SourceConfig."""
    path = resolve_import_path(config.source, NAMES, "source")
    check_object(path)
    if thorough:
        check_call(load_object(path), path, "a class whose __init__ takes a SourceConfig", 1)


def expect_outputs(
    config: Config, inputs: Mapping[str, ExpectedExamples], *, thorough: bool
) -> dict[str, ExpectedExamples]:
    """Predict the examples from the config; if `thorough`, also by asking the source."""
    splits = None
    if config.source in _TRAIN_AND_TEST and config.span is None and not is_pattern(config.path):
        from_train = ("validation",) if config.validation_share else ()
        splits = ("train", *from_train, "test")
    names = config.class_names if config.source in NAMES else None
    spec = _try_spec(config) if thorough else None
    if spec is not None:
        names = spec.class_names
    features = (IMAGE, LABEL, SPAN, *config.features)
    if config.source not in ARRAY_SOURCES:
        features += (FORMAT, HEIGHT, WIDTH)
    expected = ExpectedExamples(spec=spec, class_names=names, splits=splits, features=features)
    return {"examples": expected}


def _try_spec(config: Config) -> ImageSpec | None:
    """Get the spec of a local source that needs no preparation; None if it cannot be had yet."""
    if config.source == "tfds" or (config.path is not None and is_url(config.path)):
        return None
    try:
        source = make_source(config.source, config.source_config(()))
        if hasattr(source, "prepare"):
            return None
        if isinstance(source, FileSource):
            from components.ingest.first_files import infer_spec

            return infer_spec(config, source.class_names(), source, source.list_parts())
        return source.spec()
    except ConfigError:
        raise
    except Exception:
        return None


def stamp(config: Config, beam_args: tuple[str, ...]) -> Callable[[], str] | None:
    """Return a function that asks your own source for its stamp; None if it has none."""
    if config.source in NAMES:
        return None
    return get_stamp_function(config.source, config.source_config(beam_args))
