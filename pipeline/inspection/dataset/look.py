"""Look at the data that a path leads to, with the settings of ingest that a run would have."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.ingest import Config
from data.errors import BadDataError
from data.files.input_files import resolve_input_path
from data.sources.file_source import FileSource
from data.sources.image_files.tables.formats import open_table
from pipeline.config.overrides import apply_overrides, apply_settings
from pipeline.inspection.dataset.choose import choose_settings
from pipeline.inspection.dataset.formats.readings import Assumption, open_source
from pipeline.inspection.dataset.formats.recognize import recognize
from pipeline.inspection.dataset.survey import Progress, Survey, survey_files
from pipeline.inspection.dataset.survey_arrays import survey_arrays
from pipeline.recipes.image_folder import image_folder

RECIPE = "image_folder"
# columns of a table whose images belong together, besides `group`, which the source knows
_GROUPS = {
    name + end
    for name in ("person", "patient", "subject", "individual", "writer")
    for end in ("", "_id", "id")
}


def configure_ingest(path: str, settings: Sequence[str]) -> Config:
    """Return the settings of ingest for the data under a path: the source is found by looking.

    Args:
        path: file or folder, or its URL.
        settings: `ingest.KEY=VALUE`, as `penstock run` takes them.

    Raises:
        ConfigError: an unknown setting, or one that the source cannot use.
        BadDataError: nothing under the path is a dataset.
    """
    values = {"path": path, "test_share": 0, "validation_share": 0}
    if not any(setting.startswith("ingest.source=") for setting in settings):
        found = recognize(path)
        values |= {"source": found.source, "path": found.path}
    pipeline = apply_settings(apply_overrides(image_folder(), {"ingest": values}), settings)
    config = pipeline.step("ingest").config
    assert isinstance(config, Config)
    config.source_config(()).check(config.source)
    if config.source == "table" and config.group is None:
        header = open_table(resolve_input_path(config.path)).header
        column = next((name for name in header if name.lower() in _GROUPS), None)
        config = dataclasses.replace(config, group=column)
    return config


@dataclass(frozen=True)
class Look:
    """What is in a dataset, and the settings of ingest that fit it."""

    config: Config  # with all that was chosen
    why: Mapping[str, str]  # setting → why it was chosen
    given: tuple[str, ...]  # settings of the user, as they were written
    survey: Survey
    decoded: bool  # whether every file was decoded
    of_files: bool  # False: arrays of one size
    assumed: Mapping[str, Assumption] = field(default_factory=dict)  # by the name of the setting

    @property
    def settings(self) -> list[str]:
        """The settings, KEY=VALUE, with which the recipe `image_folder` ingests the data."""
        recipe = image_folder().step("ingest").config
        given = name_settings(self.given)
        chosen = ((f.name, getattr(self.config, f.name)) for f in dataclasses.fields(Config))
        texts = [
            f"ingest.{name}={_write_value(value)}"
            for name, value in chosen
            if name not in given and value != getattr(recipe, name)
        ]
        return [*texts, *self.given]


def look(path: str, settings: Sequence[str], *, decode: bool, progress: Progress) -> Look:
    """Survey the images under a path, and choose the settings of ingest that fit.

    Args:
        path: file or folder, or its URL.
        settings: `ingest.KEY=VALUE`, as `penstock run` takes them; they replace what is chosen.
        decode: whether to decode every file, as ingest would.
        progress: called with the numbers of files looked at and of all.

    Raises:
        ConfigError: an unknown setting, or one that the source cannot use.
        BadDataError: there is no dataset, no image can be read, or the listing is invalid.
    """
    given = name_settings(settings)
    source, config, assumed = open_source(configure_ingest(path, settings), given)
    if of_files := isinstance(source, FileSource):
        survey = survey_files(source, config.geometry() if decode else None, progress)
    else:
        survey = survey_arrays(source, progress)
    if not survey.images:
        reasons = [f"{bad.name}: {bad.reason}" for bad in survey.bad]
        reasons += [f"{name} ({reason})" for name, reason in survey.left_out]
        raise BadDataError(
            f"no image under {config.path} can be read",
            expected="JPEG, PNG, GIF, WebP or BMP files in a folder for each class",
            got="; ".join(reasons[:5]) or "no files",
            follows="nothing can be ingested",
            remedy="check the path, or replace the files",
        )
    config, why = choose_settings(config, given, survey, of_files)
    why |= {name: f"Assumed. {reading.why}" for name, reading in assumed.items()}
    return Look(config, why, tuple(settings), survey, decode, of_files, assumed)


def name_settings(settings: Sequence[str]) -> set[str]:
    """Return the names of settings of ingest, as `height` for ingest.height=96."""
    return {setting.partition("=")[0].removeprefix("ingest.") for setting in settings}


def _write_value(value: object) -> str:
    """Write a value as `--set` takes it."""
    if isinstance(value, tuple):
        return f"[{','.join(map(str, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
