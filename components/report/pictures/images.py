"""Draw images: many with their class names, or the raw values of one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from components.report.pictures.canvas import (
    MARGIN,
    add_panel,
    convert_to_rgb,
    get_figure,
    make_paper,
    make_sheet,
    paste,
    write,
)

_COLUMNS = 5
_SIDE = 140  # pixels of an image in the sheet
_CELL = (172, 182)  # width and height of its cell, name included
_VIEW = 360  # pixels of an image, or of one of its channels, as raw values
_GAP = 60  # between two of these, with room for the numbers of the rows
_CHANNELS = {1: (), 3: ("red", "green", "blue"), 4: ("red", "green", "blue", "alpha")}


def draw_image_sheet(images: np.ndarray, names: Sequence[str]) -> Axes:
    """Draw images in rows of five, each above its class name.

    Args:
        images: (n, height, width, channels) uint8, 0-255, n from 1.
        names: of their classes, n.
    """
    across, down = _CELL
    columns = min(len(images), _COLUMNS)
    rows = -(-len(images) // _COLUMNS)
    paper = make_paper(columns * across + 2 * MARGIN, rows * down + 2 * MARGIN)
    cells = [
        (MARGIN + i % _COLUMNS * across, MARGIN + i // _COLUMNS * down) for i in range(len(images))
    ]
    for image, (left, top) in zip(images, cells, strict=True):
        paste(paper, image, left + (across - _SIDE) // 2, top, _SIDE)
    axes = make_sheet(paper)
    for name, (left, top) in zip(names, cells, strict=True):
        write(
            axes,
            left + across / 2,
            top + _SIDE + 8,
            "{}",
            name,
            width=across - 8,
            ha="center",
            va="top",
        )
    return axes


def draw_raw_values(image: np.ndarray, name: str) -> Axes:
    """Draw one image with numbered rows and columns and a colour bar of its values, 0-255.

    A colour image is drawn in colours first, then each channel by its values.

    Args:
        image: (height, width, channels) uint8, 0-255.
        name: of its class.
    """
    channels = _CHANNELS[image.shape[-1]]
    views = [("", convert_to_rgb(image))] if channels else []
    views += [(c, image[..., i]) for i, c in enumerate(channels or ("",))]
    top = MARGIN + 40
    width = MARGIN + len(views) * (_VIEW + _GAP) + 100
    axes = make_sheet(make_paper(width, top + _VIEW + MARGIN + 20))
    write(
        axes,
        width / 2,
        MARGIN,
        "{}",
        name,
        width=width - 2 * MARGIN,
        size=13,
        ha="center",
        va="top",
    )
    values = Normalize(0, 255)
    rows, columns = image.shape[:2]
    step = max(1, max(rows, columns) // _VIEW)  # of a large image only the pixels that can be seen
    for index, (heading, pixels) in enumerate(views):
        view = add_panel(axes, MARGIN + 24 + index * (_VIEW + _GAP), top, _VIEW, _VIEW)
        view.imshow(
            pixels[::step, ::step],
            cmap="viridis",
            norm=values,
            interpolation="nearest",
            extent=(-0.5, columns - 0.5, rows - 0.5, -0.5),
        )
        view.set_title(heading, fontsize=10)
        view.tick_params(labelsize=9)
    bar = add_panel(axes, MARGIN + 24 + len(views) * (_VIEW + _GAP) - 36, top, 18, _VIEW)
    get_figure(axes).colorbar(
        ScalarMappable(values, "viridis"), cax=bar, ticks=[0, 50, 100, 150, 200, 255]
    )
    bar.tick_params(labelsize=9)
    return axes
