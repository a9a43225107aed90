"""Draw sample images of a dataset as a model would see them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from data.errors import BadDataError
from data.files.durable_files import translate_disk_errors
from data.spec import ImageSpec
from pipeline.inspection.dataset.look import Look, get_geometry


def draw_sheet(seen: Look, path: Path) -> Path:
    """Draw up to 25 images of a dataset, each above its class, into a PNG file.

    Raises:
        BadDataError: none of them can be drawn.
        EnvironmentTrouble: the file cannot be written.
    """
    import numpy as np

    from components.report.pictures.canvas import save
    from components.report.pictures.images import draw_image_sheet
    from data.images.read_files import read_files

    survey, advice = seen.survey, seen.advice
    geometry = dataclasses.replace(get_geometry(seen.config), fit=advice.fit)
    spec = ImageSpec(
        height=advice.height,
        width=advice.width,
        channels=advice.channels,
        class_names=survey.class_names,
        geometry=geometry,
    )
    outcomes = read_files([content for _, content in survey.samples], spec, ())
    drawn = [
        (name, read.pixels)
        for (name, _), read in zip(survey.samples, outcomes, strict=True)
        if read.pixels is not None
    ]
    if not drawn:
        raise BadDataError("no image could be drawn", got="no image that can be decoded")
    names, pixels = zip(*drawn, strict=True)
    with translate_disk_errors(f"cannot make {path.parent}"):
        path.parent.mkdir(parents=True, exist_ok=True)
    return save(draw_image_sheet(np.stack(pixels), names), path)
