"""Draw on figures that are measured in pixels: plain text, and images of any size.

Matplotlib is used without pyplot, which would keep figures and change global state.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from data.files.durable_files import translate_disk_errors

DPI = 100
MARGIN = 24  # pixels
_FRAME = 204  # grey of the line around an image, so that a white image has an edge
PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}  # a "$" in a class name is a "$"


def make_paper(width: int, height: int) -> np.ndarray:
    """Make white paper: (height, width, 3) uint8."""
    return np.full((height, width, 3), 255, np.uint8)


def make_sheet(paper: np.ndarray) -> Axes:
    """Make a figure of this paper, with axes in pixels from the upper left corner.

    Args:
        paper: (height, width, 3) uint8, one pixel for each pixel of the figure.
    """
    height, width = paper.shape[:2]
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    FigureCanvasAgg(figure)
    figure.figimage(paper, zorder=-1)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0), autoscale_on=False)
    axes.axis("off")
    return axes


def add_panel(page: Axes, left: int, top: int, width: int, height: int) -> Axes:
    """Add ordinary axes to a sheet; position and size are in pixels."""
    figure = get_figure(page)
    across, down = page.get_xlim()[1], page.get_ylim()[0]
    box = (left / across, 1 - (top + height) / down, width / across, height / down)
    return figure.add_axes(box)


def get_figure(artist: Artist) -> Figure:
    figure = artist.get_figure(root=True)
    assert isinstance(figure, Figure)
    return figure


def paste(paper: np.ndarray, image: np.ndarray, left: int, top: int, side: int) -> None:
    """Paste an image with a frame into the middle of a square, as large as it fits.

    Args:
        paper: (height, width, 3) uint8; changed in place.
        image: (height, width, channels) uint8, 0-255, of 1, 3 or 4 channels; transparent
            pixels show the paper.
        left, top: of the square; one pixel more on each side must be free for the frame.
        side: of the square.
    """
    scaled = scale(convert_to_rgb(image), side)
    height, width = scaled.shape[:2]
    top, left = top + (side - height) // 2, left + (side - width) // 2
    paper[top - 1 : top + height + 1, left - 1 : left + width + 1] = _FRAME
    paper[top : top + height, left : left + width] = scaled


def convert_to_rgb(image: np.ndarray) -> np.ndarray:
    """Convert (height, width, 1, 3 or 4) uint8 to (height, width, 3) uint8, alpha over white."""
    if image.shape[-1] == 1:
        return np.repeat(image, 3, axis=-1)
    if image.shape[-1] == 4:
        alpha = image[..., 3:] / 255
        return np.rint(image[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return image


def scale(image: np.ndarray, side: int) -> np.ndarray:
    """Scale (height, width, 3) uint8 to a longer side of `side` pixels.

    Pixels of a small image become blocks; pixels of a large image are averaged.
    """
    longest = max(image.shape[:2])
    height, width = (max(1, round(n * side / longest)) for n in image.shape[:2])
    if longest > side:
        small = Image.fromarray(image).resize((width, height), Image.Resampling.BOX)
        return np.asarray(small)
    rows = np.arange(height) * image.shape[0] // height
    columns = np.arange(width) * image.shape[1] // width
    blocks: np.ndarray = image[rows[:, None], columns]
    return blocks


def write(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    *names: str,
    width: float,
    size: float = 10,
    **style: Any,
) -> Text:
    """Write plain text that is at most `width` pixels wide.

    Args:
        axes: a sheet's.
        x, y: where, in its pixels.
        text: with a {} for each name.
        names: names of any length; shortened in the middle if there is no room.
        width: largest width in pixels.
        size: of the letters, in points.
        style: Matplotlib's text properties, such as ha and color.
    """
    names = tuple(" ".join(name.split()) for name in names)
    drawn = axes.text(x, y, text.format(*names), fontsize=size, **{**PLAIN, **style})
    fits, too_long = 1, 1 + max(map(len, names), default=0)
    if drawn.get_window_extent().width <= width:
        return drawn
    while too_long - fits > 1:  # the most letters that each name may have
        letters = (fits + too_long) // 2
        drawn.set_text(text.format(*(_shorten(name, letters) for name in names)))
        if drawn.get_window_extent().width <= width:
            fits = letters
        else:
            too_long = letters
    drawn.set_text(text.format(*(_shorten(name, fits) for name in names)))
    return drawn


def _shorten(name: str, letters: int) -> str:
    """Shorten a name in the middle: names may differ at their beginning or their end."""
    if len(name) <= letters:
        return name
    tail = (letters - 1) // 2
    return name[: letters - 1 - tail] + "…" + name[len(name) - tail :]


def save(page: Axes, path: Path) -> Path:
    """Write the figure of a sheet as a PNG, the whole file or none; returns the path.

    The same picture gives the same bytes.

    Raises:
        EnvironmentTrouble: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.part")
    with translate_disk_errors(f"cannot write {path}"):
        try:
            get_figure(page).savefig(temporary, dpi=DPI, format="png", metadata={"Software": None})
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return path
