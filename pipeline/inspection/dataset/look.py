"""Look at the data that a path leads to, with the settings of ingest that a run would have."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from components.ingest import Config
from data.errors import BadDataError
from data.geometry import Geometry
from data.sources import make_source
from data.sources.file_source import FileSource
from pipeline.config.overrides import apply_overrides, apply_settings
from pipeline.inspection.dataset.advice import Advice, advise
from pipeline.inspection.dataset.recognize import recognize
from pipeline.inspection.dataset.survey import Progress, Survey, survey_files
from pipeline.recipes.image_folder import image_folder

RECIPE = "image_folder"


def configure_ingest(path: str, settings: Sequence[str]) -> Config:
    """Return the settings of ingest for the data under a path: the source is found by looking.

    Args:
        path: file or folder, or its URL.
        settings: `ingest.KEY=VALUE`, as `penstock run` takes them.

    Raises:
        ConfigError: an unknown setting, or one that the source cannot use.
        BadDataError: nothing under the path is a dataset.
    """
    values = {"path": path}
    if not any(setting.startswith("ingest.source=") for setting in settings):
        found = recognize(path)
        values = {"source": found.source, "path": found.path}
    pipeline = apply_settings(apply_overrides(image_folder(), {"ingest": values}), settings)
    config = pipeline.step("ingest").config
    assert isinstance(config, Config)
    config.source_config(()).check(config.source)
    return config


@dataclass(frozen=True)
class Look:
    """A dataset of image files: what is in it, and settings of ingest that fit."""

    config: Config
    survey: Survey
    advice: Advice
    decoded: bool  # whether every file was decoded

    @property
    def settings(self) -> dict[str, Any]:
        """The settings with which the recipe `image_folder` ingests the data, by key in `--set`."""
        given = {} if self.config.source == RECIPE else {"ingest.source": self.config.source}
        return {**given, "ingest.path": self.config.path, **self.advice.settings}


def look(config: Config, *, decode: bool, progress: Progress) -> Look:
    """Survey the files of a source of image files, and choose settings that fit.

    Args:
        config: its source is one of image files.
        decode: whether to decode every file, as ingest would.
        progress: called with the numbers of files looked at and of all.

    Raises:
        BadDataError: no image can be read, or the listing is invalid.
    """
    source = make_source(config.source, config.source_config(()))
    assert isinstance(source, FileSource)
    survey = survey_files(source, get_geometry(config) if decode else None, progress)
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
    return Look(config, survey, advise(survey), decode)


def get_geometry(config: Config) -> Geometry:
    """Return the geometry that the settings of ingest describe."""
    names = (f.name for f in dataclasses.fields(Geometry))
    return Geometry(**{name: getattr(config, name) for name in names if hasattr(config, name)})
