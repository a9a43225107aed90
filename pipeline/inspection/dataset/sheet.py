"""Draw sample images of a dataset as a model would see them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from data.errors import BadDataError
from data.files.durable_files import translate_disk_errors
from data.spec import ImageSpec
from pipeline.inspection.dataset.look import Look


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
    geometry = dataclasses.replace(seen.config.geometry(), fit=advice.fit)
    spec = ImageSpec(
        height=advice.height,
        width=advice.width,
        channels=advice.channels,
        class_names=survey.class_names,
        geometry=geometry,
    )
    contents = [image for _, image in survey.samples if isinstance(image, bytes)]
    outcomes = iter(read_files(contents, spec, ()))
    drawn = []
    for name, image in survey.samples:
        pixels = next(outcomes).pixels if isinstance(image, bytes) else image
        if pixels is not None:
            drawn.append((name, pixels))
    if not drawn:
        raise BadDataError("no image could be drawn", got="no image that can be decoded")
    names, pixels = zip(*drawn, strict=True)
    with translate_disk_errors(f"cannot make {path.parent}"):
        path.parent.mkdir(parents=True, exist_ok=True)
    return save(draw_image_sheet(np.stack(pixels), names), path)
