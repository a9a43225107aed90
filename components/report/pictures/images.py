"""Images as they are: many with their class names, or one in raw values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from components.report.pictures.canvas import (
    MARGIN,
    blank,
    convert_to_rgb,
    figure_of,
    panel,
    paste,
    sheet,
    write,
)

_COLUMNS = 5
_SIDE = 140  # pixels of an image in the sheet
_CELL = (172, 182)  # width and height of its cell, name included
_VIEW = 360  # pixels of an image, or a channel of it, in raw values
_GAP = 60  # between two of these: room for the numbers of the next one's rows
_CHANNELS = {1: (), 3: ("red", "green", "blue"), 4: ("red", "green", "blue", "alpha")}


def draw_image_sheet(images: np.ndarray, names: Sequence[str]) -> Axes:
    """Images in rows of five, each above its class name.

    Args:
        images: (n, height, width, channels) uint8, 0-255, n from 1.
        names: of their classes, n.
    """
    across, down = _CELL
    columns = min(len(images), _COLUMNS)
    rows = -(-len(images) // _COLUMNS)
    paper = blank(columns * across + 2 * MARGIN, rows * down + 2 * MARGIN)
    cells = [
        (MARGIN + i % _COLUMNS * across, MARGIN + i // _COLUMNS * down) for i in range(len(images))
    ]
    for image, (left, top) in zip(images, cells, strict=True):
        paste(paper, image, left + (across - _SIDE) // 2, top, _SIDE)
    axes = sheet(paper)
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
    """One image with rows and columns numbered, and the colour bar of its values, 0-255.

    An image in colours is shown as it is, and then each channel by its values.

    Args:
        image: (height, width, channels) uint8, 0-255.
        name: of its class.
    """
    channels = _CHANNELS[image.shape[-1]]
    views = [("", convert_to_rgb(image))] if channels else []
    views += [(c, image[..., i]) for i, c in enumerate(channels or ("",))]
    top = MARGIN + 40
    width = MARGIN + len(views) * (_VIEW + _GAP) + 100
    axes = sheet(blank(width, top + _VIEW + MARGIN + 20))
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
    step = max(1, max(rows, columns) // _VIEW)  # of a large image no more than can be seen
    for place, (heading, seen) in enumerate(views):
        view = panel(axes, MARGIN + 24 + place * (_VIEW + _GAP), top, _VIEW, _VIEW)
        view.imshow(
            seen[::step, ::step],
            cmap="viridis",
            norm=values,
            interpolation="nearest",
            extent=(-0.5, columns - 0.5, rows - 0.5, -0.5),
        )
        view.set_title(heading, fontsize=10)
        view.tick_params(labelsize=9)
    bar = panel(axes, MARGIN + 24 + len(views) * (_VIEW + _GAP) - 36, top, 18, _VIEW)
    figure_of(axes).colorbar(
        ScalarMappable(values, "viridis"), cax=bar, ticks=[0, 50, 100, 150, 200, 255]
    )
    bar.tick_params(labelsize=9)
    return axes
