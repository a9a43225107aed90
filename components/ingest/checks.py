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
from data.sources.split_names import SPLIT_NAMES, TEST, TRAIN, VALIDATION
from data.spans.patterns import is_pattern
from data.spec import FORMAT, HEIGHT, IMAGE, LABEL, SPAN, WIDTH, ImageSpec

_TRAIN_AND_TEST = ("cifar_binary", "digits")  # have these two splits, always


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
    spec, given = _ask_source(config) if thorough else (None, None)
    if config.source in _TRAIN_AND_TEST:
        given = {TRAIN, TEST}
    names = config.class_names if config.source in NAMES else None
    if spec is not None:
        names = spec.class_names
    splits = None
    if given and config.span is None and not is_pattern(config.path):
        cut = [TEST] * bool(None in given and config.test_share)
        cut += [VALIDATION] * bool(config.validation_share)
        found = {split or TRAIN for split in (*given, *cut)}
        splits = tuple(name for name in SPLIT_NAMES if name in found)
    features = (IMAGE, LABEL, SPAN, *config.features)
    if config.source not in ARRAY_SOURCES:
        features += (FORMAT, HEIGHT, WIDTH)
    expected = ExpectedExamples(spec=spec, class_names=names, splits=splits, features=features)
    return {"examples": expected}


def _ask_source(config: Config) -> tuple[ImageSpec | None, set[str | None] | None]:
    """Get the spec and the splits of a local source; None for what cannot be had yet.

    A source that needs preparation, or whose data is behind a URL, is not asked.
    """
    if config.source == "tfds" or (config.path is not None and is_url(config.path)):
        return None, None
    try:
        source = make_source(config.source, config.source_config(()))
        if hasattr(source, "prepare"):
            return None, None
        if isinstance(source, FileSource):
            from components.ingest.first_files import infer_spec

            return infer_spec(config, source.class_names(), source, source.list_parts()), None
        return source.spec(), {part.split for part in source.parts()}
    except ConfigError:
        raise
    except Exception:
        return None, None


def stamp(config: Config, beam_args: tuple[str, ...]) -> Callable[[], str] | None:
    """Return a function that asks your own source for its stamp; None if it has none."""
    if config.source in NAMES:
        return None
    return get_stamp_function(config.source, config.source_config(beam_args))
