"""Draw sample images of a dataset as a model would see them."""

from __future__ import annotations

from pathlib import Path

from data.files.durable_files import translate_disk_errors
from data.spec import ImageSpec
from pipeline.inspection.dataset.look import Look


def draw_sheet(seen: Look, path: Path) -> Path:
    """Draw up to 25 images of a dataset, each above its class, into a PNG file.

    Raises:
        EnvironmentTrouble: the file cannot be written.
    """
    import numpy as np

    from components.report.pictures.canvas import save
    from components.report.pictures.images import draw_image_sheet
    from data.images.read_files import read_files

    survey = seen.survey
    contents = [image for _, image in survey.samples if isinstance(image, bytes)]
    outcomes = iter(read_files(contents, _make_spec(seen), ()))
    names, images = [], []
    for name, image in survey.samples:
        pixels = next(outcomes).pixels if isinstance(image, bytes) else image
        if pixels is not None:
            names.append(name)
            images.append(pixels)
    with translate_disk_errors(f"cannot make {path.parent}"):
        path.parent.mkdir(parents=True, exist_ok=True)
    return save(draw_image_sheet(np.stack(images), names), path)


def _make_spec(seen: Look) -> ImageSpec:
    """Make the spec of files; arrays have one already, and any will do."""
    config = seen.config
    return ImageSpec(
        height=config.height or 1,
        width=config.width or 1,
        channels=config.channels or 3,
        class_names=seen.survey.class_names,
        geometry=config.geometry(),
    )
