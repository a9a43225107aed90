from __future__ import annotations

from typing import Any

import pytest

from components import ingest
from data.errors import ConfigError
from data.geometry import ALL_FORMATS, Geometry

FOLDER: dict[str, Any] = {"source": "image_folder", "path": "photos"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"test_share": 1.0}, "test_share is out of range"),
        ({"max_bad_share": -0.1}, "max_bad_share is out of range"),
        ({"height": 0}, "height is out of range"),
        ({"width": 20_000}, "width is out of range"),
        ({"fit": "squeeze"}, "invalid fit"),
        ({"background": (0, 0, 256)}, "background is not a colour"),
        ({"max_megapixels": 0.0}, "max_megapixels is out of range"),
        ({"features": ("camera", "label")}, "features does not name"),
        ({"features": ("camera", "camera")}, "features does not name"),
        ({"features": ("",)}, "features does not name"),
        ({"splits": {"dev": "val"}}, "splits does not name"),
        ({"splits": {"train": ""}}, "splits does not name"),
    ],
)
def test_values_that_make_no_sense(settings: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ingest.Config(**FOLDER, **settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"fit": "pad"}, "height and ingest.width must be set as well"),
        ({"fit": "pad", "height": 96}, "width must be set as well"),
        ({"width": 96}, "height must be set as well"),
        ({"interpolation": "area"}, "interpolation has no effect"),
        ({"antialias": False}, "antialias has no effect"),
        ({"path": None}, "needs ingest.path"),
        ({"features": ("camera",)}, "cannot use ingest.features"),
    ],
)
def test_settings_of_files_that_contradict_one_another(settings: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ingest.check_config(ingest.Config(**{**FOLDER, **settings}))


@pytest.mark.parametrize("source", ["digits", "idx", "npz", "pixels_csv"])
@pytest.mark.parametrize(
    "setting",
    [
        {"height": 28},
        {"width": 28},
        {"channels": 1},
        {"fit": "pad"},
        {"interpolation": "area"},
        {"antialias": False},
        {"background": (1, 1, 1)},
        {"orientation": "ignore"},
        {"max_megapixels": 1.0},
        {"store": "encoded"},
        {"max_bad_share": 0.1},
    ],
)
def test_a_source_of_arrays_cannot_use_what_is_for_files(source: str, setting: dict) -> None:
    path = {} if source == "digits" else {"path": "somewhere"}
    with pytest.raises(ConfigError, match=f"{source!r} cannot use ingest.{next(iter(setting))}"):
        ingest.check_config(ingest.Config(source=source, **path, **setting))
    ingest.check_config(ingest.Config(source=source, **path, store="raw"))


def test_a_source_of_ones_own_is_checked_when_it_is_made(tmp_path) -> None:
    from components.context import Context

    config = ingest.Config(source="own_sources:Nothing", path=str(tmp_path), height=8, width=8)
    ingest.check_config(config)
    with pytest.raises(ConfigError, match=r"'own_sources:Nothing' cannot use ingest\.height"):
        ingest.run(ingest.Inputs(), config, Context(output_dir=tmp_path))


def test_the_geometry_is_that_of_the_settings() -> None:
    assert ingest.Config().geometry() == Geometry(formats=ALL_FORMATS)
    config = ingest.Config(**FOLDER, fit="crop", background=(1, 2, 3), max_megapixels=3.5)
    assert config.geometry() == Geometry(
        fit="crop", background=(1, 2, 3), max_megapixels=3.5, formats=ALL_FORMATS
    )
